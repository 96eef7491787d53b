/** Reading along while the owner of a log moves on between two steps of the reader. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { compareBytes, utf8 } from '../../src/model/bytes.ts'
import type { RangeOptions, Row, RowChange } from '../../src/storage/engine.ts'
import { AttachedOverlays } from '../../src/storage/log/attached-overlays.ts'
import { LogReader } from '../../src/storage/log/log-reader.ts'
import { OverlayOwner } from '../../src/storage/log/overlay-owner.ts'
import { createOverlayMemory } from '../../src/storage/log/overlays.ts'
import { compareKeys, RowKey } from '../../src/storage/log/row-key.ts'
import { PackedRows } from '../../src/storage/packed-rows.ts'
import { seededRandom } from '../support/seeded-random.ts'

const reading = suite('log reader')
const everything = { from: Uint8Array.of(0), to: Uint8Array.of(0xff) }
const put = (name: string, value: string): RowChange => ({ key: utf8(name), value: utf8(value) })
const texts = (rows: Iterable<Row>): string[] =>
  [...rows].map(({ key, value }) => `${Buffer.from(key)}=${Buffer.from(value)}`)

/** What LMDB holds: a snapshot is taken when the first row is asked for. */
class Base {
  rows: readonly Row[] = []
  beforeSnapshot: () => void = () => undefined

  peek(key: Uint8Array): Uint8Array | undefined {
    return this.rows.find(row => compareBytes(row.key, key) === 0)?.value
  }

  stamp(): number {
    return 0
  }

  *range(_: RangeOptions): IterableIterator<Row> {
    this.beforeSnapshot()
    yield* this.rows
  }
}

function start() {
  const memory = createOverlayMemory(seededRandom(1))
  const owner = new OverlayOwner(memory)
  const overlays = new AttachedOverlays(memory)
  const base = new Base()
  let last = 0
  const commit = (...changes: RowChange[]): void => {
    last += 1
    owner.insert(owner.active, PackedRows.of(changes), last)
    owner.publish(last)
  }
  return { owner, base, commit, reader: new LogReader(overlays, base, overlays), overlays }
}

reading('LMDB is not read past the overlays: whoever finds that it moved starts again', () => {
  const { owner, base, commit, reader } = start()
  commit(put('a', '1'), put('b', '1'))
  base.beforeSnapshot = () => {
    base.beforeSnapshot = () => undefined
    owner.freeze()
    commit(put('a', '2'), put('c', '2'))
    // A later checkpoint has brought one of the two rows to LMDB.
    base.rows = [{ key: utf8('c'), value: utf8('2') }]
  }
  assert.equal(texts(reader.range(everything)), ['a=2', 'b=1', 'c=2'])
})

reading('what is read at once is of one commit, however it is read', () => {
  const { base, commit, reader, overlays } = start()
  commit(put('a', '1'), put('b', '1'))
  overlays.atOnce(() => {
    assert.is(`${reader.get(utf8('a'))}`, `${utf8('1')}`)
    commit(put('a', '2'), put('b', '2'), put('c', '2'))
    assert.is(`${reader.get(utf8('b'))}`, `${utf8('1')}`)
    assert.is(reader.get(utf8('c')), undefined)
    assert.equal(texts(reader.range(everything)), ['a=1', 'b=1'])
  })
  assert.equal(texts(reader.range(everything)), ['a=2', 'b=2', 'c=2'])
  assert.equal(base.rows, [])
})

reading('what is read at once is read anew where LMDB has left it behind', () => {
  const { owner, base, commit, reader, overlays } = start()
  commit(put('a', '1'))
  let runs = 0
  const seen = overlays.atOnce(() => {
    runs += 1
    const a = reader.get(utf8('a'))
    if (runs === 1) {
      commit(put('a', '2'), put('b', '2'))
      owner.freeze()
      base.rows = [put('a', '2'), put('b', '2')] as Row[]
    }
    return `${a} ${reader.get(utf8('b'))}`
  })
  assert.is(runs, 2)
  assert.is(seen, `${utf8('2')} ${utf8('2')}`)
})

reading('an overlay is not used again before the turns that read it are over', async () => {
  const { owner, base, commit, reader } = start()
  commit(put('a', '1'), put('b', '1'))
  owner.freeze()
  const rows = reader.range(everything)
  assert.equal(texts([rows.next().value as Row]), ['a=1'])
  base.rows = [put('a', '1'), put('b', '1')] as Row[]
  let isDropped = false
  const dropped = owner.drop().then(() => {
    isDropped = true
  })
  assert.equal(texts(rows), ['b=1'])
  assert.not(isDropped)
  await dropped
  assert.equal(texts(reader.range(everything)), ['a=1', 'b=1'])
  owner.freeze()
})

reading('a range that outlives its turn, and what it reads, is refused', async () => {
  const { owner, commit, reader } = start()
  commit(put('a', '1'), put('b', '1'))
  const rows = reader.range(everything)
  rows.next()
  owner.freeze()
  await owner.drop()
  assert.throws(() => rows.next(), /within one turn/)
})

reading('who attaches after the owner has stopped is refused', () => {
  const { owner, reader } = start()
  owner.stop()
  assert.throws(() => reader.get(utf8('a')), /stopped by its owner/)
})

reading('keys in words are ordered as their bytes are', () => {
  const random = seededRandom(3)
  const any = () => Uint8Array.from({ length: 1 + random.below(9) }, () => random.below(3) * 127)
  for (let i = 0; i < 20_000; i++) {
    const [a, b] = [any(), any()]
    const [one, other] = [new RowKey().load(a), new RowKey().load(b)]
    const order = compareKeys(one.words, 0, one.bytes, other.words, 0, other.bytes)
    assert.is(Math.sign(order), Math.sign(compareBytes(a, b)))
  }
})

reading.run()
