/** What engines have to do whose stores are read by other threads. Run by test/storage/. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { utf8 } from '../../src/model/bytes.ts'
import { limits } from '../../src/model/limits.ts'
import {
  type AttachedReader,
  type Engine,
  EngineFailure,
  type EngineReader,
  type RowChange,
} from '../../src/storage/engine.ts'
import type { EngineSubject } from './engine-contract.ts'
import { end, type ReadingOrder, type ReadingReport, rowsOf, words } from './reading-along.ts'

export interface AttachedSubject extends EngineSubject {
  /** What it is called in reading-thread.ts. */
  readonly name: ReadingOrder['kind']
  /** Rows of a commit, and bytes of each, that make the engine do all that it does now and then. */
  readonly rows: number
  readonly valueBytes: number
  readonly commits: number
}

type Check = (reader: AttachedReader, engine: Engine) => Promise<void>

const put = (name: string, value: string): RowChange => ({ key: utf8(name), value: utf8(value) })
const text = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : new TextDecoder().decode(bytes)
const everything = { from: Uint8Array.of(0), to: end }
const rowsIn = (reader: EngineReader, options = {}): string[] =>
  [...reader.range({ ...everything, ...options })].map(row => `${text(row.key)}${text(row.value)}`)

const checks: Record<string, Check> = {
  async 'each commit is seen at once'(reader, engine) {
    for (let n = 0; n < 50; n++) {
      assert.is(reader.get(utf8(`${n}`)), undefined)
      await engine.commit([put(`${n}`, 'x'), put('last', `${n}`), { key: utf8('a'), value: null }])
      assert.is(text(reader.get(utf8(`${n}`))), 'x')
      assert.is(text(reader.get(utf8('last'))), `${n}`)
      assert.equal(rowsIn(reader), rowsIn(engine))
      assert.equal(
        rowsIn(reader, { reverse: true, limit: 3 }),
        rowsIn(engine).reverse().slice(0, 3),
      )
    }
  },

  async 'nothing is seen before its commit'(reader, engine) {
    await engine.commit([put('a', 'old')])
    const committed = engine.commit([put('a', 'new'), put('b', 'new')])
    assert.equal(rowsIn(reader), ['aold'])
    await committed
    assert.equal(rowsIn(reader), ['anew', 'bnew'])
  },

  async 'bytes that come out are copies'(reader, engine) {
    await engine.commit([put('a', 'x'.repeat(300))])
    const got = reader.get(utf8('a')) as Uint8Array
    const [row] = [...reader.range(everything)]
    for (const bytes of [got, row?.value, row?.key]) {
      assert.instance(bytes?.buffer, ArrayBuffer)
      assert.is(bytes?.buffer.byteLength, bytes?.byteLength)
      bytes?.fill(7)
    }
    assert.equal(rowsIn(reader), [`a${'x'.repeat(300)}`])
  },

  async 'a range can be left early, and read beside others'(reader, engine) {
    await engine.commit(Array.from({ length: 300 }, (_, i) => put(`${100 + i}`, `${i}`)))
    for (let i = 0; i < 300; i++) {
      for (const row of reader.range(everything)) {
        assert.is(text(row.key), '100')
        break
      }
    }
    const up = reader.range(everything)
    const down = reader.range({ ...everything, reverse: true })
    for (let i = 0; i < 300; i++) {
      assert.is(text(up.next().value.value), `${i}`)
      assert.is(text(down.next().value.value), `${299 - i}`)
    }
    assert.is(up.next().done, true)
    assert.is(down.next().done, true)
  },

  async 'a stamp is the same until a commit is seen'(reader, engine) {
    const large = 'x'.repeat(limits.logCommitBytesMax)
    let expected: string | undefined
    for (const value of ['1', '2', '3', large, '4', large, large]) {
      const before = { reader: reader.stamp(), engine: engine.stamp() }
      assert.ok(text(reader.get(utf8('a'))) === expected)
      // NaN, which is no stamp, where a checkpoint goes on.
      const after = reader.stamp()
      if (!Number.isNaN(before.reader) && !Number.isNaN(after)) assert.is(after, before.reader)
      await engine.commit([put('a', value)])
      expected = value
      assert.not(reader.stamp() === before.reader)
      assert.not(engine.stamp() === before.engine)
    }
    await reader.close()
    assert.ok(Number.isNaN(reader.stamp()))
  },

  async 'closed is closed, for the reader alone'(reader, engine) {
    await engine.commit([put('a', '1')])
    await reader.close()
    for (const read of [() => reader.get(utf8('a')), () => reader.range(everything)]) {
      assert.throws(read, (error: unknown) => error instanceof EngineFailure)
    }
    await engine.commit([put('b', '2')])
    assert.equal(rowsIn(engine), ['a1', 'b2'])
  },
}

/** Commits while other threads read along; each checks what it sees: see reading-thread.ts. */
async function readAlong(subject: AttachedSubject, engine: Engine, directory: string) {
  const shared = engine.share()
  assert.ok(shared)
  const progress = new Int32Array(new SharedArrayBuffer(words.count * 4))
  const order: ReadingOrder = { ...{ kind: subject.name, directory, shared }, progress }
  const threads = [0, 1].map(
    () => new Worker(new URL('./reading-thread.ts', import.meta.url), { workerData: order }),
  )
  const reports = threads.map(async thread => {
    const [report] = await once(thread, 'message')
    return report as ReadingReport
  })
  while (Atomics.load(progress, words.ready) < threads.length) await new Promise(setImmediate)
  let compacting: Promise<unknown> = Promise.resolve()
  for (let n = 1; n <= subject.commits; n++) {
    // Now and then the files change places under everybody's feet.
    if (n % Math.ceil(subject.commits / 3) === 0) {
      compacting = compacting.then(() => engine.compact?.())
    }
    Atomics.store(progress, words.begun, n)
    await engine.commit(rowsOf(n, subject.rows, subject.valueBytes))
    Atomics.store(progress, words.committed, n)
    const seen = Atomics.load(progress, words.seen)
    const [first] = rowsOf(n, 1, 0) as [RowChange]
    const value = engine.get(first.key) as Uint8Array
    assert.is(new DataView(value.buffer).getUint32(0), n)
    assert.ok(seen <= n, 'no thread is ahead of the owner')
  }
  await compacting
  Atomics.store(progress, words.isOver, 1)
  for (const report of await Promise.all(reports)) {
    assert.is(report.problem, undefined)
    assert.ok(report.states > 20, `${report.states} states were seen`)
  }
}

export function attachedContract(name: string, subject: AttachedSubject): void {
  const attached = suite(`attached contract: ${name}`)
  for (const [title, check] of Object.entries(checks)) {
    attached(title, async () => {
      const directory = subject.freshDirectory()
      const engine = await subject.kind.open(directory)
      const shared = engine.share()
      assert.ok(shared)
      const reader = await subject.kind.attach(directory, shared)
      try {
        await check(reader, engine)
      } finally {
        await reader.close()
        await engine.close()
      }
    })
  }
  attached('threads see whole commits, in order, and none late', async () => {
    const directory = subject.freshDirectory()
    const engine = await subject.kind.open(directory)
    try {
      await readAlong(subject, engine, directory)
    } finally {
      await engine.close()
    }
  })
  attached.run()
}
