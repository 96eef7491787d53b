/** What every engine behind src/storage/engine.ts has to do. Run by test/storage/. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { compareBytes, utf8 } from '../../src/model/bytes.ts'
import { limits } from '../../src/model/limits.ts'
import {
  type Engine,
  EngineFailure,
  type EngineKind,
  type Row,
  type RowChange,
} from '../../src/storage/engine.ts'

export interface EngineSubject {
  readonly kind: EngineKind
  /** A directory that does not exist yet. */
  freshDirectory(): string
  /** Makes the next commit to an open store of this directory fail, where that can be arranged. */
  readonly failNextCommit?: (directory: string) => void
}

/** The longest key that engines take: LMDB's bound, which the others mirror. */
export const engineKeyBytesMax = 1_978

type Check = (subject: EngineSubject, engine: Engine, directory: string) => Promise<void>

const key = (...bytes: number[]): Uint8Array => Uint8Array.from(bytes)
const put = (name: string, value: string): RowChange => ({ key: utf8(name), value: utf8(value) })
const remove = (name: string): RowChange => ({ key: utf8(name), value: null })
const text = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : new TextDecoder().decode(bytes)
const names = (rows: Iterable<Row>): (string | undefined)[] => [...rows].map(row => text(row.key))

/** Above every key that these checks use. */
const end = new Uint8Array(engineKeyBytesMax).fill(0xff)
const everything = { from: key(), to: end }

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
  } catch (error) {
    return error
  }
  return assert.unreachable('it should have been rejected')
}

const isFailure = (error: unknown): boolean => error instanceof EngineFailure

function thrown(read: () => unknown): unknown {
  try {
    read()
  } catch (error) {
    return error
  }
  return assert.unreachable('it should have thrown')
}

const rowChecks: Record<string, Check> = {
  async 'puts, replaces and deletes'(_, engine) {
    assert.is(engine.get(utf8('a')), undefined)
    await engine.commit([put('a', '1'), put('b', '2')])
    await engine.commit([put('a', 'one'), remove('b'), remove('absent')])
    assert.is(text(engine.get(utf8('a'))), 'one')
    assert.is(engine.get(utf8('b')), undefined)
    assert.equal(names(engine.range(everything)), ['a'])
  },

  async 'the last change of a key in a commit wins'(_, engine) {
    await engine.commit([put('a', '1'), remove('a'), put('b', '1'), put('b', '2'), remove('c')])
    await engine.commit([remove('d'), put('d', '4')])
    assert.equal(names(engine.range(everything)), ['b', 'd'])
    assert.is(text(engine.get(utf8('b'))), '2')
  },

  async 'an empty value is a value'(_, engine) {
    await engine.commit([put('a', ''), put('b', 'x')])
    await engine.commit([put('b', '')])
    assert.equal(engine.get(utf8('a')), new Uint8Array())
    assert.equal(engine.get(utf8('b')), new Uint8Array())
    assert.equal([...engine.range(everything)][0], { key: utf8('a'), value: new Uint8Array() })
  },

  async 'a commit of nothing changes nothing'(_, engine) {
    await engine.commit([])
    assert.equal([...engine.range(everything)], [])
  },

  async 'bytes that come out are copies'(_, engine) {
    const first = new Uint8Array(300).fill(1)
    await engine.commit([{ key: utf8('a'), value: first }, put('b', 'b')])
    first.fill(9)
    const got = engine.get(utf8('a')) as Uint8Array
    const [ranged] = [...engine.range(everything)] as [Row]
    for (const name of ['a', 'b']) await engine.commit([put(name, 'x'.repeat(300))])
    engine.get(utf8('b'))
    for (const bytes of [got, ranged.value]) {
      assert.equal(bytes, new Uint8Array(300).fill(1))
      assert.is(bytes.constructor, Uint8Array)
      // Whole buffers, not parts of a pool: `postMessage` would send the neighbours along.
      assert.is(bytes.buffer.byteLength, bytes.byteLength)
      bytes.fill(7)
    }
    ranged.key.fill(7)
    assert.is(text(engine.get(utf8('a'))), 'x'.repeat(300))
    assert.equal(names(engine.range(everything)), ['a', 'b'])
  },

  async 'takes a Buffer as the bytes that it shows'(_, engine) {
    const pool = Buffer.from('__key__value__')
    await engine.commit([{ key: pool.subarray(2, 5), value: pool.subarray(7, 12) }])
    pool.fill(0)
    assert.is(text(engine.get(Buffer.from('_key').subarray(1))), 'value')
  },

  async 'keeps the largest value of the cluster, and its record around it'(_, engine) {
    const size = limits.valueBytesMax + 1_024
    const large = new Uint8Array(size).map((_, i) => i % 251)
    await engine.commit([{ key: utf8('large'), value: large }, put('small', 's')])
    const got = engine.get(utf8('large')) as Uint8Array
    assert.is(text(engine.get(utf8('small'))), 's')
    assert.is(compareBytes(got, large), 0)
    const ranged = [...engine.range(everything)].map(row => row.value)
    assert.is(compareBytes(ranged[0] as Uint8Array, large), 0)
    assert.is(text(ranged[1]), 's')
    assert.ok(engine.sizeBytes() >= size)
    await engine.commit([put('large', 'little')])
    assert.is(compareBytes(got, large), 0)
  },

  async 'values around the sizes at which pages and buffers end'(_, engine) {
    const sizes = [0, 1, 2_000, 2_030, 4_080, 4_096, 8_192, 16_384, 32_768, 32_769, 65_536, 300_000]
    const value = (size: number): Uint8Array => new Uint8Array(size).fill(size % 255)
    await engine.commit(sizes.map((size, i) => ({ key: key(1, i), value: value(size) })))
    const rows = [...engine.range(everything)]
    for (const [i, size] of sizes.entries()) {
      assert.is(compareBytes(engine.get(key(1, i)) as Uint8Array, value(size)), 0, `get ${size}`)
      assert.is(compareBytes(engine.peek(key(1, i)) as Uint8Array, value(size)), 0, `peek ${size}`)
      assert.is(compareBytes(rows[i]?.value as Uint8Array, value(size)), 0, `range ${size}`)
    }
  },

  async 'the longest key, and none longer'(_, engine) {
    const longest = new Uint8Array(engineKeyBytesMax).fill(0xfe)
    const longer = new Uint8Array(engineKeyBytesMax + 1)
    await engine.commit([{ key: longest, value: utf8('x') }])
    assert.is(text(engine.get(longest)), 'x')
    assert.equal([...engine.range({ from: longest, to: end })].length, 1)
    for (const bad of [longer, key()]) {
      assert.not(isFailure(await rejection(engine.commit([{ key: bad, value: utf8('x') }]))))
      assert.not(isFailure(thrown(() => engine.get(bad))))
    }
    assert.is(text(engine.get(longest)), 'x', 'a refused key breaks nothing')
  },
}

const rangeChecks: Record<string, Check> = {
  async 'rows come in byte order'(_, engine) {
    const keys = [
      key(0),
      key(0, 0),
      key(0, 255),
      key(1),
      key(0x61),
      key(0x61, 0),
      key(0x61, 0x62),
      key(0x7f),
      key(0x80),
      key(0xff),
      key(0xff, 0),
      key(0xff, 0xff),
    ]
    const shuffled = [...keys].sort((a, b) => (((a[0] ?? 0) * 7) % 11) - (((b[0] ?? 0) * 7) % 11))
    for (const each of shuffled) await engine.commit([{ key: each, value: each }])
    assert.equal(
      [...engine.range(everything)].map(row => row.key),
      keys,
    )
    assert.equal(
      [...engine.range({ ...everything, reverse: true })].map(row => row.value),
      [...keys].reverse(),
    )
  },

  async 'a range includes its first bound and excludes its last'(_, engine) {
    await engine.commit(['b', 'd', 'd\u0000', 'f'].map(name => put(name, name)))
    const between = (from: string, to: string, reverse: boolean) =>
      names(engine.range({ from: utf8(from), to: utf8(to), reverse }))
    const cases: [string, string, string[]][] = [
      ['b', 'f', ['b', 'd', 'd\u0000']],
      ['b', 'd', ['b']],
      ['d', 'd\u0000', ['d']],
      ['a', 'z', ['b', 'd', 'd\u0000', 'f']],
      ['', 'c', ['b']],
      ['c', 'e', ['d', 'd\u0000']],
      ['g', 'z', []],
      ['', 'a', []],
      ['', '', []],
      ['d', 'd', []],
      ['f', 'b', []],
      ['f', '', []],
    ]
    for (const [from, to, expected] of cases) {
      assert.equal(between(from, to, false), expected, `${from} to ${to}`)
      assert.equal(between(from, to, true), [...expected].reverse(), `${from} to ${to}, reversed`)
    }
  },

  async 'limits, reversed and not'(_, engine) {
    await engine.commit(['a', 'b', 'c', 'd'].map(name => put(name, name)))
    const some = (limit: number, reverse = false) =>
      names(engine.range({ ...everything, limit, reverse }))
    assert.equal(some(0), [])
    assert.equal(some(1), ['a'])
    assert.equal(some(3, true), ['d', 'c', 'b'])
    assert.equal(some(9), ['a', 'b', 'c', 'd'])
  },

  async 'a range can be left early, and read beside others'(_, engine) {
    await engine.commit(Array.from({ length: 2_000 }, (_, i) => put(`${1_000 + i}`, `${i}`)))
    for (let i = 0; i < 500; i++) {
      for (const row of engine.range(everything)) {
        assert.is(text(row.key), '1000')
        break
      }
    }
    const up = engine.range(everything)
    const down = engine.range({ ...everything, reverse: true })
    for (let i = 0; i < 2_000; i++) {
      assert.is(text(up.next().value.value), `${i}`)
      assert.is(text(down.next().value.value), `${1_999 - i}`)
      if (i % 500 === 0) assert.is(text(engine.get(utf8('1500'))), '500')
    }
    assert.is(up.next().done, true)
    assert.is(down.next().done, true)
  },

  async 'a range sees one snapshot'(_, engine) {
    await engine.commit([put('a', '1'), put('b', '1'), put('c', '1')])
    const range = engine.range(everything)
    assert.is(text(range.next().value.value), '1')
    const committed = engine.commit([put('b', '2'), remove('c'), put('d', '2')])
    assert.equal(
      [...range].map(row => text(row.value)),
      ['1', '1'],
    )
    await committed
    assert.equal(
      [...engine.range(everything)].map(row => text(row.value)),
      ['1', '2', '2'],
    )
  },

  async 'agrees with a model over thousands of random changes'(_, engine) {
    const random = seeded(7)
    const model = new Map<string, Uint8Array>()
    const anyKey = () => Uint8Array.from({ length: 1 + random(3) }, () => random(4) * 85)
    for (let round = 0; round < 150; round++) {
      const changes = Array.from({ length: 1 + random(40) }, () => ({
        key: anyKey(),
        value: random(3) === 0 ? null : new Uint8Array(random(2) === 0 ? 20 : 5_000).fill(round),
      }))
      await engine.commit(changes)
      for (const { key, value } of changes) {
        if (value === null) model.delete(hex(key))
        else model.set(hex(key), value)
      }
      const [from, to, reverse] = [anyKey(), anyKey(), random(2) === 0]
      const expected = [...model.keys()].sort().filter(k => k >= hex(from) && k < hex(to))
      if (reverse) expected.reverse()
      const rows = [...engine.range({ from, to, reverse })]
      assert.equal(
        rows.map(row => hex(row.key)),
        expected,
      )
      for (const row of rows) {
        assert.is(compareBytes(row.value, model.get(hex(row.key)) as Uint8Array), 0)
      }
    }
  },
}

const commitChecks: Record<string, Check> = {
  async 'nothing is visible before its commit'(_, engine) {
    await engine.commit([put('a', 'old')])
    let settled = false
    const committed = engine.commit([put('a', 'new'), put('b', 'new')]).then(() => {
      settled = true
    })
    assert.is(text(engine.get(utf8('a'))), 'old')
    assert.equal(names(engine.range(everything)), ['a'])
    await committed
    assert.ok(settled)
    assert.is(text(engine.get(utf8('a'))), 'new')
    assert.equal(names(engine.range(everything)), ['a', 'b'])
  },

  async 'a commit becomes visible as a whole'(_, engine) {
    const all = Array.from({ length: 64 }, (_, i) => `k${i}`)
    for (let round = 1; round <= 40; round++) {
      let settled = false
      const committed = engine
        .commit(all.map(name => put(name, `${round}`.repeat(100))))
        .finally(() => {
          settled = true
        })
      while (!settled) {
        const seen = new Set([...engine.range(everything)].map(row => text(row.value)))
        assert.ok(seen.size <= 1, 'a reader sees one commit or the other')
        await new Promise(setImmediate)
      }
      await committed
    }
  },

  async 'one commit at a time'(_, engine) {
    const first = engine.commit([put('a', '1')])
    assert.not(isFailure(await rejection(engine.commit([put('b', '1')]))))
    await first
    assert.equal(names(engine.range(everything)), ['a'])
  },

  async 'a failed commit is reported, and the store refuses everything after it'(
    subject,
    engine,
    directory,
  ) {
    if (subject.failNextCommit === undefined) return
    await engine.commit([put('a', '1')])
    const range = engine.range(everything)
    range.next()
    subject.failNextCommit(directory)
    assert.ok(isFailure(await rejection(engine.commit([put('a', '2'), put('b', '2')]))))
    assert.ok(isFailure(await rejection(engine.commit([put('c', '3')]))))
    assert.ok(isFailure(await rejection(engine.commit([]))))
    assert.ok(isFailure(thrown(() => engine.get(utf8('a')))))
    assert.ok(isFailure(thrown(() => engine.range(everything))))
    assert.ok(isFailure(thrown(() => range.next())))
    assert.ok(isFailure(thrown(() => engine.sizeBytes())))
    await engine.close()
    const again = await subject.kind.open(directory)
    assert.equal(
      [...again.range(everything)].map(row => text(row.value)),
      ['1'],
    )
    await again.close()
  },
}

const lifeChecks: Record<string, Check> = {
  async 'what was committed is there after a new start'({ kind }, engine, directory) {
    await engine.commit([put('a', '1'), put('b', '2'), put('gone', 'x')])
    await engine.commit([remove('gone'), put('b', 'two')])
    await engine.close()
    const again = await kind.open(directory)
    assert.equal(
      [...again.range(everything)].map(row => text(row.value)),
      ['1', 'two'],
    )
    await again.commit([put('c', '3')])
    assert.equal(names(again.range(everything)), ['a', 'b', 'c'])
    await again.close()
  },

  async 'stores are apart'({ kind, freshDirectory }, engine) {
    const other = await kind.open(freshDirectory())
    await engine.commit([put('a', '1')])
    await other.commit([put('b', '2')])
    assert.equal(names(engine.range(everything)), ['a'])
    assert.equal(names(other.range(everything)), ['b'])
    await other.close()
  },

  async 'opened to be read, it reads and refuses commits'({ kind }, engine, directory) {
    await engine.commit([put('a', '1')])
    await engine.close()
    const reader = await kind.open(directory, { readOnly: true })
    await rejection(reader.commit([put('b', '2')]))
    assert.equal(names(reader.range(everything)), ['a'])
    assert.is(text(reader.get(utf8('a'))), '1')
    await reader.close()
  },

  async 'opened to be read, it creates nothing'({ kind, freshDirectory }) {
    const absent = freshDirectory()
    for (let i = 0; i < 2; i++) {
      assert.ok(isFailure(await rejection(kind.open(absent, { readOnly: true }))))
    }
  },

  async 'closing waits for the commit in flight and for no range'({ kind }, engine, directory) {
    await engine.commit([put('a', '1'), put('b', '1')])
    const range = engine.range(everything)
    range.next()
    const committed = engine.commit([put('c', '1')])
    const closed = engine.close()
    await committed
    await closed
    assert.ok(isFailure(thrown(() => range.next())))
    const again = await kind.open(directory)
    assert.equal(names(again.range(everything)), ['a', 'b', 'c'])
    await again.close()
  },

  async 'closed is closed'(_, engine) {
    await engine.commit([put('a', '1')])
    await engine.close()
    await engine.close()
    assert.ok(isFailure(thrown(() => engine.get(utf8('a')))))
    assert.ok(isFailure(thrown(() => engine.range(everything))))
    assert.ok(isFailure(thrown(() => engine.sizeBytes())))
    assert.ok(isFailure(await rejection(engine.commit([put('b', '2')]))))
  },
}

export function engineContract(name: string, subject: EngineSubject): void {
  const checks = suite(`engine contract: ${name}`)
  for (const [title, check] of Object.entries({
    ...rowChecks,
    ...rangeChecks,
    ...commitChecks,
    ...lifeChecks,
  })) {
    checks(title, async () => {
      const directory = subject.freshDirectory()
      const engine = await subject.kind.open(directory)
      try {
        await check(subject, engine, directory)
      } finally {
        await engine.close()
      }
    })
  }
  checks.run()
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** Whole numbers below a bound, the same ones on every run (xorshift32). */
function seeded(seed: number): (below: number) => number {
  let state = seed
  return below => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}
