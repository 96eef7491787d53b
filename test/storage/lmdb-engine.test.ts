import { execFile } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { utf8 } from '../../src/model/bytes.ts'
import { lmdbEngine } from '../../src/storage/lmdb-engine.ts'
import { engineContract } from '../contracts/engine-contract.ts'

const root = mkdtempSync(join(tmpdir(), 'denizen-lmdb-'))
process.on('exit', () => rmSync(root, { recursive: true, force: true }))
let directories = 0
/** Deep and with dots: neither may make lmdb-js take the directory for a file. */
const freshDirectory = () => join(root, `${directories++}`, 'eu.west', 'store.0')

engineContract('lmdb', { kind: lmdbEngine, freshDirectory })

const lmdb = suite('lmdb engine')
const everything = { from: new Uint8Array(), to: Uint8Array.of(0xff) }

lmdb('one data file in the directory, nothing left of its making', async () => {
  const directory = freshDirectory()
  const engine = await lmdbEngine.open(directory)
  await engine.commit([{ key: utf8('a'), value: utf8('1') }])
  await engine.close()
  assert.equal(readdirSync(directory).sort(), ['data.mdb', 'lock.mdb'])
})

lmdb('a start that was cut off while the file was made starts again', async () => {
  const directory = freshDirectory()
  mkdirSync(join(directory, 'new'), { recursive: true })
  writeFileSync(join(directory, 'new', 'data.mdb'), 'half')
  const engine = await lmdbEngine.open(directory)
  await engine.commit([{ key: utf8('a'), value: utf8('1') }])
  assert.ok(engine.get(utf8('a')))
  await engine.close()
})

lmdb('a file that is damaged at its start is refused, and left as it is', async () => {
  const sound = freshDirectory()
  const engine = await lmdbEngine.open(sound)
  const row = (i: number) => ({ key: Uint8Array.of(1, i), value: new Uint8Array(2_000) })
  await engine.commit(Array.from({ length: 100 }, (_, i) => row(i)))
  await engine.close()
  const bytes = readFileSync(join(sound, 'data.mdb'))
  const zeroed = Buffer.from(bytes).fill(0, 4_096, 8_192)
  const cuts = [0, 4, 4_096, 8_192].map(length => bytes.subarray(0, length))
  for (const damaged of [Buffer.alloc(20_000, 'x'), Buffer.alloc(8_192), zeroed, ...cuts]) {
    const directory = freshDirectory()
    mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, 'data.mdb'), damaged)
    for (const readOnly of [false, true]) {
      const error = await lmdbEngine.open(directory, { readOnly }).catch(error => error)
      assert.match(`${error}`, /EngineFailure: Can't open the store in .*store\.0: .* is damaged/)
    }
    assert.ok(readFileSync(join(directory, 'data.mdb')).equals(damaged))
  }
})

lmdb('opened to be read, it makes no directory', async () => {
  const directory = freshDirectory()
  await lmdbEngine.open(directory, { readOnly: true }).catch(() => undefined)
  assert.not(existsSync(directory))
})

lmdb('a reader beside the writer sees each commit at once', async () => {
  const directory = freshDirectory()
  const writer = await lmdbEngine.open(directory)
  const reader = await lmdbEngine.open(directory, { readOnly: true })
  for (let i = 0; i < 50; i++) {
    await writer.commit([{ key: utf8(`${i}`), value: utf8('x') }])
    assert.ok(reader.get(utf8(`${i}`)))
    assert.is([...reader.range(everything)].length, i + 1)
  }
  await reader.close()
  await writer.close()
})

lmdb('when the disk takes no more, the commit fails whole and the engine stops', async () => {
  const directory = freshDirectory()
  const child = join(import.meta.dirname, 'full-disk-child.ts')
  const limited = `ulimit -f 1024; exec "${process.execPath}" "${child}" lmdb "${directory}"`
  const { stdout } = await promisify(execFile)('sh', ['-c', limited])
  const outcome = JSON.parse(stdout)
  assert.ok(outcome.committed > 5, stdout)
  assert.ok(outcome.isFailure, stdout)
  assert.match(outcome.failure, /File too large/)
  assert.is(outcome.refusals, 4)
  const engine = await lmdbEngine.open(directory)
  assert.is([...engine.range(everything)].length, outcome.committed * 2)
  await engine.close()
})

lmdb.run()
