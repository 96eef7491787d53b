import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { utf8 } from '../../src/model/bytes.ts'
import { limits } from '../../src/model/limits.ts'
import { type Clock, systemClock } from '../../src/runtime/clock.ts'
import { systemRandom } from '../../src/runtime/random.ts'
import type { Engine } from '../../src/storage/engine.ts'
import { lmdbEngine } from '../../src/storage/lmdb-engine.ts'
import { readLog } from '../../src/storage/log/log-directory.ts'
import { createLogEngineKind } from '../../src/storage/log-engine.ts'
import { engineContract } from '../contracts/engine-contract.ts'

const root = mkdtempSync(join(tmpdir(), 'denizen-log-'))
process.on('exit', () => rmSync(root, { recursive: true, force: true }))
let directories = 0
const freshDirectory = () => join(root, `${directories++}`, 'eu.west', 'store.0')
const kindWith = (clock: Clock) => createLogEngineKind({ clock, random: systemRandom })

/** Has the next checkpoint begin as soon as it can. */
const hasty: Clock = { ...systemClock, after: (_, task) => systemClock.after(0, task) }
/** Has none begin before an overlay is full. */
const patient: Clock = { ...systemClock, after: () => () => undefined }

engineContract('log', { kind: kindWith(patient), freshDirectory })
engineContract('log, checkpoints all the time', { kind: kindWith(hasty), freshDirectory })

const log = suite('log engine')
const everything = { from: new Uint8Array(), to: Uint8Array.of(0xff) }
const put = (name: string, value: Uint8Array | null) => ({ key: utf8(name), value })
const sizes = (engine: Engine): [string, number][] =>
  [...engine.range(everything)].map(row => [Buffer.from(row.key).toString(), row.value.length])

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise(setImmediate)
}
const isLogEmpty = async (directory: string): Promise<boolean> =>
  (await readLog(directory)).every(({ entries }) => entries.length === 0)

log('an LMDB and two log files in the directory, nothing left of their making', async () => {
  const directory = freshDirectory()
  mkdirSync(join(directory, 'new-log'), { recursive: true })
  const engine = await kindWith(patient).open(directory)
  await engine.commit([put('a', utf8('1'))])
  await engine.close()
  assert.equal(readdirSync(directory).sort(), ['data.mdb', 'lock.mdb', 'log'])
  assert.equal(readdirSync(join(directory, 'log')).sort(), ['0', '1'])
})

log('a store of LMDB alone becomes one with a log', async () => {
  const directory = freshDirectory()
  const before = await lmdbEngine.open(directory)
  await before.commit([put('a', utf8('1')), put('b', utf8('1'))])
  await before.close()
  const kind = kindWith(patient)
  const reader = await kind.open(directory, { readOnly: true })
  assert.equal(sizes(reader), [
    ['a', 1],
    ['b', 1],
  ])
  await reader.close()
  assert.not(existsSync(join(directory, 'log')))
  const engine = await kind.open(directory)
  await engine.commit([put('b', null), put('c', utf8('22'))])
  assert.equal(sizes(engine), [
    ['a', 1],
    ['c', 2],
  ])
  await engine.close()
})

log('opened to be read, it shows what only the log holds, and changes no file', async () => {
  const directory = freshDirectory()
  const kind = kindWith(patient)
  const engine = await kind.open(directory)
  await engine.commit([put('a', utf8('1'))])
  await engine.close()
  const files = ['data.mdb', 'log/0', 'log/1']
  const contents = () => files.map(name => readFileSync(join(directory, name)).toString('latin1'))
  const before = contents()
  const reader = await kind.open(directory, { readOnly: true })
  assert.equal(sizes(reader), [['a', 1]])
  assert.is(reader.share(), undefined)
  await reader.close()
  assert.ok(contents().every((content, i) => content === before[i]))
})

log('nothing is visible while its entry is being synced', async () => {
  const engine = await kindWith(patient).open(freshDirectory())
  let looks = 0
  for (let round = 1; round <= 50; round++) {
    let isSettled = false
    const committed = engine.commit([put('a', new Uint8Array(round))]).finally(() => {
      isSettled = true
    })
    for (; !isSettled; looks++) {
      assert.is(engine.get(utf8('a'))?.length ?? 0, round - 1)
      await new Promise(setImmediate)
    }
    await committed
  }
  assert.ok(looks > 100, `looked ${looks} times`)
  await engine.close()
})

log('what is written empties into LMDB after a while, and its file is used again', async () => {
  const directory = freshDirectory()
  const engine = await kindWith(hasty).open(directory)
  for (let round = 0; round < 6; round++) {
    await engine.commit([put(`${round}`, new Uint8Array(10_000)), put('all', utf8('x'))])
    await until(() => isLogEmpty(directory))
  }
  const [earlier, later] = await readLog(directory)
  assert.equal([earlier.header.sequence, later.header.sequence], [7, 8])
  await engine.close()
  const alone = await lmdbEngine.open(directory, { readOnly: true })
  assert.is(sizes(alone).length, 7)
  await alone.close()
})

log('what comes during a checkpoint empties into LMDB too, without another commit', async () => {
  const directory = freshDirectory()
  const engine = await kindWith(hasty).open(directory)
  for (let round = 0; round < 20; round++) {
    for (let n = 0; n < 5; n++) await engine.commit([put(`${n}`, new Uint8Array(1_000))])
    await until(() => isLogEmpty(directory))
  }
  await engine.close()
})

log('many full overlays, written over while they empty', async () => {
  const directory = freshDirectory()
  const kind = kindWith(patient)
  const engine = await kind.open(directory)
  const bytes = limits.logCommitBytesMax / 16
  const rounds = (4 * limits.overlayBytesMax) / limits.logCommitBytesMax
  for (let round = 0; round < rounds; round++) {
    const names = Array.from({ length: 12 }, (_, i) => `${round % 3}-${10 + i}`)
    await engine.commit(names.map(name => put(name, new Uint8Array(bytes).fill(round))))
    for (const name of names) assert.is(engine.get(utf8(name))?.[0], round)
  }
  const values = (from: Engine) => [...from.range(everything)].map(row => row.value[0])
  const expected = values(engine)
  assert.is(expected.length, 36)
  assert.ok(engine.sizeBytes() > 36 * bytes)
  await engine.close()
  const again = await kind.open(directory)
  assert.equal(values(again), expected)
  await again.close()
})

log('a commit too large for the log goes to LMDB, after all before it', async () => {
  const directory = freshDirectory()
  const kind = kindWith(patient)
  const engine = await kind.open(directory)
  await engine.commit([put('a', utf8('1')), put('b', utf8('1')), put('c', utf8('1'))])
  const large = new Uint8Array(limits.logCommitBytesMax)
  await engine.commit([put('a', large), put('b', null)])
  assert.ok(await isLogEmpty(directory))
  await engine.commit([put('d', utf8('22'))])
  const expected: [string, number][] = [
    ['a', large.length],
    ['c', 1],
    ['d', 2],
  ]
  assert.equal(sizes(engine), expected)
  await engine.close()
  const again = await kind.open(directory)
  assert.equal(sizes(again), expected)
  await again.close()
})

log('when the disk takes no more, the commit fails whole and the engine stops', async () => {
  const directory = freshDirectory()
  const child = join(import.meta.dirname, 'full-disk-child.ts')
  const limited = `ulimit -f 2048; exec "${process.execPath}" "${child}" log "${directory}"`
  const { stdout } = await promisify(execFile)('sh', ['-c', limited])
  const outcome = JSON.parse(stdout)
  assert.ok(outcome.committed > 5, stdout)
  // The log's own words, or LMDB's for a write that was cut short.
  assert.match(outcome.failure, /^EngineFailure: The store failed: (EFBIG|File too large|Input)/)
  assert.is(outcome.refusals, 4)
  const engine = await kindWith(patient).open(directory)
  const rows = [...engine.range(everything)].length
  assert.ok(rows === 2 * outcome.committed || rows === 2 * outcome.committed + 2)
  await engine.close()
})

log.run()
