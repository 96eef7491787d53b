/** Engines that write their stores anew: what was deleted is gone from every file, and no more. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { utf8 } from '../../src/model/bytes.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { systemRandom } from '../../src/runtime/random.ts'
import type { EngineKind, EngineReader } from '../../src/storage/engine.ts'
import { lmdbEngine } from '../../src/storage/lmdb-engine.ts'
import { createLogEngineKind } from '../../src/storage/log-engine.ts'
import { filesBelow } from '../worlds/marker-search.ts'

const root = mkdtempSync(join(tmpdir(), 'denizen-compaction-'))
test.after(() => rmSync(root, { recursive: true, force: true }))
let directories = 0

const logEngine = createLogEngineKind({ clock: systemClock, random: systemRandom })
const kinds: readonly EngineKind[] = [lmdbEngine, logEngine]
const everything = { from: Uint8Array.of(0), to: Uint8Array.of(0xff) }
const marker = 'q7~~~erased'

const put = (key: string, value: string) => ({ key: utf8(key), value: utf8(value) })
const found = (directory: string): string[] =>
  filesBelow(directory).filter(path => readFileSync(path).includes(marker))
const rowsOf = (reader: EngineReader): number => [...reader.range(everything)].length

for (const kind of kinds) {
  const fresh = () => join(root, `${kind.name}${directories++}`)

  test(`${kind.name}: of what was deleted nothing is left, all else stays`, async () => {
    const directory = fresh()
    const engine = await kind.open(directory)
    const shared = engine.share()
    assert.ok(shared && engine.compact)
    const readers = [await kind.attach(directory, shared), await kind.attach(directory, shared)]
    const [busy, idle] = readers
    assert.ok(busy && idle)
    for (let n = 0; n < 40; n++) {
      const rows = Array.from({ length: 50 }, (_, i) => {
        const isErased = i % 3 === 0
        return put(`${isErased ? marker : 'kept'}/${n}/${i}`, `${isErased ? marker : 'value'} ${n}`)
      })
      await engine.commit(rows)
    }
    assert.is(rowsOf(busy), 2_000)
    assert.is(rowsOf(idle), 2_000)
    const erased = [...engine.range(everything)].filter(({ key }) =>
      new TextDecoder().decode(key).startsWith(marker),
    )
    await engine.commit(erased.map(({ key }) => ({ key, value: null })))
    assert.ok(found(directory).length > 0, 'the control: deleted bytes stay in files')
    const long = busy.snapshot(everything)
    assert.ok(long.next().value)
    const compacting = engine.compact()
    const committed: Promise<void>[] = []
    await engine.commit([put('late', 'during')])
    await Promise.all([compacting, ...committed])
    assert.equal(found(directory), [])
    assert.is(rowsOf(busy), 2_000 - erased.length + 1)
    assert.ok([...long].length > 1_000, 'what was being read is read to its end')
    await engine.commit([put('later', 'after')])
    for (const reader of [busy, idle, engine]) {
      assert.is(new TextDecoder().decode(reader.get(utf8('later'))), 'after')
      assert.is(reader.get(utf8(`${marker}/0/0`)), undefined)
    }
    await engine.compact()
    for (const reader of [idle, busy, engine]) assert.is(rowsOf(reader), 2_000 - erased.length + 2)
    await Promise.all(readers.map(reader => reader.close()))
    await engine.close()
    const again = await kind.open(directory)
    assert.is(rowsOf(again), 2_000 - erased.length + 2)
    await again.close()
  })

  test(`${kind.name}: closing waits for no copy, and keeps what there was`, async () => {
    const directory = fresh()
    const engine = await kind.open(directory)
    for (let n = 0; n < 40; n++) {
      await engine.commit(Array.from({ length: 500 }, (_, i) => put(`${n}/${i}`, 'x'.repeat(400))))
    }
    const compacting = engine.compact?.().then(
      () => 'done',
      () => 'stopped',
    )
    await new Promise(setImmediate)
    await engine.close()
    assert.is(await compacting, 'stopped')
    const again = await kind.open(directory)
    assert.is(rowsOf(again), 20_000)
    assert.not.ok(existsSync(join(directory, 'compacting')))
    await again.close()
  })

  test(`${kind.name}: a copy that was not finished is dropped at the next start`, async () => {
    const directory = fresh()
    const engine = await kind.open(directory)
    await engine.commit([put('a', 'b')])
    await engine.close()
    mkdirSync(join(directory, 'compacting'))
    writeFileSync(join(directory, 'compacting', 'data.mdb'), marker)
    const again = await kind.open(directory)
    assert.equal(found(directory), [])
    assert.is(rowsOf(again), 1)
    await again.close()
  })
}

test('a kill between the two renames leaves the store that was there before', async () => {
  const directory = join(root, 'between')
  const engine = await lmdbEngine.open(directory)
  await engine.commit([put('a', '1'), put('b', '2')])
  await engine.close()
  // The copy is finished, and only its lock file is in place.
  const other = join(root, 'other')
  const copy = await lmdbEngine.open(other)
  for (let n = 0; n < 5; n++) await copy.commit([put(`c${n}`, '3')])
  await copy.close()
  cpSync(join(other, 'lock.mdb'), join(directory, 'lock.mdb'))
  cpSync(other, join(directory, 'compacting'), { recursive: true })
  const again = await lmdbEngine.open(directory)
  assert.is(rowsOf(again), 2)
  await again.commit([put('c', '3')])
  await again.close()
  const last = await lmdbEngine.open(directory)
  assert.is(rowsOf(last), 3)
  await last.close()
})

test.run()
