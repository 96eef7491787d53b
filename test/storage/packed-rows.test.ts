/** Rows in one piece of memory: what goes in comes out, whatever its size, or is taken back. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { utf8 } from '../../src/model/bytes.ts'
import { limits } from '../../src/model/limits.ts'
import type { RowChange } from '../../src/storage/engine.ts'
import { PackedRows, rowsStart } from '../../src/storage/packed-rows.ts'
import { seededRandom } from '../support/seeded-random.ts'

const packed = suite('packed rows')
const copied = (rows: PackedRows): RowChange[] =>
  [...rows].map(({ key, value }) => ({
    key: key.slice(),
    value: value === null ? null : value.slice(),
  }))

packed('rows of any size come out as they went in, in order, deletions too', () => {
  const random = seededRandom(5)
  const rows = new PackedRows()
  const expected: RowChange[] = []
  for (let n = 0; n < 300; n++) {
    const key = new Uint8Array(1 + random.below(40)).fill(n)
    const value = n % 5 === 0 ? null : new Uint8Array(random.below(2_000)).fill(n)
    rows.append(key, value)
    expected.push({ key, value })
  }
  assert.is(rows.length, 300)
  assert.equal(copied(rows), expected)
})

packed('what was added last is forgotten, and what they take with it', () => {
  const rows = new PackedRows()
  rows.append(utf8('a'), utf8('12345'))
  const { end, overlayBytes } = rows
  rows.append(utf8('bcdef'), utf8('6'))
  rows.append(utf8('g'), null)
  rows.truncate(end)
  assert.equal([rows.length, rows.end, rows.overlayBytes], [1, end, overlayBytes])
  assert.equal(copied(rows), [{ key: utf8('a'), value: utf8('12345') }])
  rows.clear()
  assert.equal([rows.length, rows.end, rows.overlayBytes], [0, rowsStart, 0])
})

packed('a key that no row can have is a bug', () => {
  const rows = new PackedRows()
  assert.throws(() => rows.append(new Uint8Array(), utf8('x')), /length/)
  assert.throws(() => rows.append(new Uint8Array(limits.rowKeyBytesMax + 1), null), /length/)
})

packed.run()
