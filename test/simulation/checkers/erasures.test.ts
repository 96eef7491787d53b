/** What disks show of erasures: rows that should be gone, regions that never confirm. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { checkErasures } from '../../../src/simulation/checkers/erasures.ts'

const sight = { dataset: 'd', group: 'g', region: 'r1', atMs: 7 }

test('a confirmed erasure that left rows is found, and so is one that nobody confirms', () => {
  assert.equal(checkErasures([{ ...sight, rows: 0 }]), [])
  const [left] = checkErasures([{ ...sight, rows: 2 }])
  assert.match(`${left?.invariant} ${left?.message}`, /^E r1 .* 2 rows that name g of d, at 7 ms/)
  const [open] = checkErasures([{ ...sight, rows: undefined }])
  assert.match(`${open?.message}`, /r1 has not confirmed the erasure of g/)
})

test.run()
