import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { utf8 } from '../../src/model/bytes.ts'
import { EngineFailure, type RowChange } from '../../src/storage/engine.ts'
import { createMemoryEngineKind } from '../../src/storage/memory-engine.ts'
import { engineContract } from '../contracts/engine-contract.ts'

const kind = createMemoryEngineKind()
let directories = 0
engineContract('memory', {
  kind,
  freshDirectory: () => `disk-${directories++}`,
  failNextCommit: kind.failNextFlush,
})

const disk = suite('memory engine: the disk')
const put = (name: string): RowChange => ({ key: utf8(name), value: utf8(name) })
const everything = { from: new Uint8Array(), to: Uint8Array.of(0xff) }
const manual = () => createMemoryEngineKind({ whenToFlush: () => {} })
const turn = () => new Promise(setImmediate)

disk('a commit is neither visible nor resolved before the flush', async () => {
  const kind = manual()
  const engine = await kind.open('d')
  let resolved = false
  const committed = engine.commit([put('a')]).then(() => {
    resolved = true
  })
  await turn()
  assert.not(resolved)
  assert.is(engine.get(utf8('a')), undefined)
  assert.is(kind.waitingCommits('d'), 1)
  kind.flush('d')
  await committed
  assert.ok(engine.get(utf8('a')))
  assert.is(kind.waitingCommits('d'), 0)
})

disk('a crash loses what was not flushed, and nothing else', async () => {
  const kind = manual()
  const engine = await kind.open('d')
  const first = engine.commit([put('a')])
  kind.flush('d')
  await first
  let settled = false
  engine.commit([put('b')]).finally(() => {
    settled = true
  })
  kind.crash('d')
  kind.flush('d')
  await turn()
  assert.not(settled, 'the process that waited is gone')
  assert.throws(
    () => engine.get(utf8('a')),
    (error: Error) => error instanceof EngineFailure,
  )
  await engine.close()
  const again = await kind.open('d')
  assert.equal([...again.range(everything)].length, 1)
})

disk('a commit that nobody heard of may have landed', async () => {
  const kind = manual()
  const engine = await kind.open('d')
  engine.commit([put('a')])
  kind.crash('d', { landed: true })
  const again = await kind.open('d')
  assert.ok(again.get(utf8('a')))
})

disk('the simulator decides when to flush; a flush of before a crash does nothing', async () => {
  const flushes: (() => void)[] = []
  const kind = createMemoryEngineKind({ whenToFlush: flush => flushes.push(flush) })
  const engine = await kind.open('d')
  engine.commit([put('a')])
  kind.crash('d')
  const again = await kind.open('d')
  const committed = again.commit([put('b')])
  flushes[0]?.()
  assert.is(kind.waitingCommits('d'), 1)
  flushes[1]?.()
  await committed
  assert.equal([...again.range(everything)].length, 1)
})

disk('crashes of one disk leave the others alone', async () => {
  const kind = createMemoryEngineKind()
  const engines = [await kind.open('a'), await kind.open('b')] as const
  kind.crash('a')
  await engines[1].commit([put('x')])
  assert.ok(engines[1].get(utf8('x')))
})

disk.run()
