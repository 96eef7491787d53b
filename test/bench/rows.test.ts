/** How figures are judged. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readOptions } from '../../bench/options.ts'
import { judge, median, type Row, rows, spreadOf, workloadIds } from '../../bench/rows.ts'

test('the median, least and greatest', () => {
  assert.is(median([3, 1, 2]), 2)
  assert.is(median([4, 1]), 2.5)
  assert.is(median([]), 0)
  assert.equal(spreadOf([3, 1, 2]), { median: 2, min: 1, max: 3 })
})

const verdict = (target: Row['target'], value: number): string =>
  judge({ ...(rows[0] as Row), target }, { seen: spreadOf([value]) }).verdict

test('a target is met, or missed by how much', () => {
  assert.is(verdict({ atLeast: 0.8 }, 0.8), 'met')
  assert.is(verdict({ atLeast: 0.8 }, 0.6), 'missed by 25%')
  assert.is(verdict({ below: 2 }, 1.9), 'met')
  assert.is(verdict({ below: 2 }, 2), 'missed by 1%')
  assert.is(verdict({ below: 2 }, 3), 'missed by 50%')
  assert.is(judge(rows[0] as Row, { skipped: 'no wrk' }).verdict, 'skipped')
  assert.is(judge(rows[0] as Row, { failed: 'a wrong body' }).verdict, 'no figure')
})

test('rows are chosen by their numbers and by their workloads', () => {
  const chosen = (only: string) => [...readOptions(['--only', only]).workloads]
  assert.equal(chosen('2'), ['put'])
  assert.equal(chosen('2b,memory'), ['put', 'memory'])
  assert.equal(chosen('import'), ['import'])
  assert.equal([...readOptions([]).workloads], [...workloadIds])
  for (const { workload } of rows) assert.ok(workloadIds.includes(workload))
})

test.run()
