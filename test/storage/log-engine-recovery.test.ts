/** What a start makes of a log that a power cut, or damage, has left. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { utf8 } from '../../src/model/bytes.ts'
import { type Clock, systemClock } from '../../src/runtime/clock.ts'
import { systemRandom } from '../../src/runtime/random.ts'
import type { Engine, RowChange } from '../../src/storage/engine.ts'
import { lmdbEngine } from '../../src/storage/lmdb-engine.ts'
import { readLog } from '../../src/storage/log/log-directory.ts'
import { createLogEngineKind } from '../../src/storage/log-engine.ts'

const root = mkdtempSync(join(tmpdir(), 'denizen-recovery-'))
process.on('exit', () => rmSync(root, { recursive: true, force: true }))
let directories = 0
const freshDirectory = () => join(root, `${directories++}`)
const kindWith = (clock: Clock) => createLogEngineKind({ clock, random: systemRandom })
const hasty: Clock = { ...systemClock, after: (_, task) => systemClock.after(0, task) }
const patient: Clock = { ...systemClock, after: () => () => undefined }

const recovery = suite('log recovery')
const everything = { from: new Uint8Array(), to: Uint8Array.of(0xff) }
/** An entry has no padding where its rows have a multiple of eight bytes. */
const put = (name: string, value: string): RowChange => ({
  key: utf8(name),
  value: utf8(value.padEnd(16 - name.length)),
})
const rowsOf = (engine: Engine): string[] =>
  [...engine.range(everything)].map(({ key, value }) =>
    `${Buffer.from(key)}=${Buffer.from(value)}`.trim(),
  )

/** A store with these commits in its log, closed. */
async function storeWith(...commits: readonly RowChange[][]): Promise<string> {
  const directory = freshDirectory()
  await addTo(directory, patient, ...commits)
  return directory
}

async function addTo(directory: string, clock: Clock, ...commits: readonly RowChange[][]) {
  const engine = await kindWith(clock).open(directory)
  for (const commit of commits) await engine.commit(commit)
  await engine.close()
}

async function reopened(directory: string): Promise<string[]> {
  const engine = await kindWith(patient).open(directory)
  try {
    return rowsOf(engine)
  } finally {
    await engine.close()
  }
}

const copyOf = (directory: string): string => {
  const copy = freshDirectory()
  cpSync(directory, copy, { recursive: true })
  return copy
}

const file = (directory: string, name: string): string => join(directory, name)
const edit = (path: string, change: (bytes: Buffer) => void): void => {
  const bytes = readFileSync(path)
  change(bytes)
  writeFileSync(path, bytes)
}

/** Where the entries of a log's earlier file end. */
async function ends(directory: string): Promise<number[]> {
  const [earlier] = await readLog(directory)
  return earlier.entries.map(({ end }) => end)
}

const refusal = async (directory: string, readOnly: boolean): Promise<string> =>
  kindWith(patient)
    .open(directory, { readOnly })
    .then(() => 'opened', String)

recovery('the last entry, cut off at any byte, is gone, and all before it are there', async () => {
  const directory = await storeWith(
    [put('a', '1')],
    [put('b', '1')],
    [put('b', '2'), put('c', '2')],
  )
  const [, start = 0, end = 0] = await ends(directory)
  const whole = readFileSync(file(directory, 'log/0'))
  for (const filler of [0, 0xa5]) {
    for (let cut = start; cut < end; cut++) {
      writeFileSync(file(directory, 'log/0'), Buffer.from(whole).fill(filler, cut, end))
      const [{ entries }] = await readLog(directory)
      // The last bytes may be what they would have been.
      if (entries.length !== 2) assert.ok(whole.subarray(cut, end).every(byte => byte === filler))
    }
  }
  writeFileSync(file(directory, 'log/0'), Buffer.from(whole).fill(0, end - 20))
  assert.equal(await reopened(directory), ['a=1', 'b=1'])
  await addTo(directory, patient, [put('d', '3')])
  assert.equal(await reopened(directory), ['a=1', 'b=1', 'd=3'])
})

recovery('a file that ends within its last entry', async () => {
  const directory = await storeWith([put('a', '1')], [put('b', '1')])
  const [, end = 0] = await ends(directory)
  const whole = readFileSync(file(directory, 'log/0'))
  writeFileSync(file(directory, 'log/0'), whole.subarray(0, end - 1))
  assert.equal(await reopened(directory), ['a=1'])
})

recovery(
  'a byte that changed before the last entry is refused, and nothing is written',
  async () => {
    const directory = await storeWith([put('a', '1')], [put('b', '1')], [put('c', '1')])
    const [, end = 0] = await ends(directory)
    const whole = readFileSync(file(directory, 'log/0'))
    for (let at = 8_192; at < end; at++) {
      const damaged = Buffer.from(whole)
      damaged.writeUInt8((damaged[at] as number) ^ 1, at)
      writeFileSync(file(directory, 'log/0'), damaged)
      const reason = await readLog(directory).then(() => 'read', String)
      assert.match(reason, /log\/0 is damaged at byte \d+, before its last entry/)
    }
    const before = readFileSync(file(directory, 'log/0'))
    for (const readOnly of [false, true]) {
      assert.match(
        await refusal(directory, readOnly),
        /EngineFailure: Can't open the store in .*damaged/,
      )
    }
    assert.ok(readFileSync(file(directory, 'log/0')).equals(before))
  },
)

recovery('one copy of a header is enough, none is refused', async () => {
  const directory = await storeWith([put('a', '1')])
  for (const at of [0, 4_096]) {
    const copy = copyOf(directory)
    edit(file(copy, 'log/0'), bytes => bytes.fill(0, at, at + 20))
    assert.equal(await reopened(copy), ['a=1'])
  }
  edit(file(directory, 'log/0'), bytes => bytes.fill(0, 0, 8_192))
  assert.match(await refusal(directory, false), /the header of log\/0 is damaged/)
  rmSync(file(directory, 'log/0'))
  assert.match(await refusal(directory, true), /EngineFailure/)
})

/** A store whose checkpoint has run, as it was before and is after. */
async function checkpointed(...later: readonly RowChange[][]) {
  const before = await storeWith([put('a', '1'), put('b', '1')], [put('b', '2'), put('c', '2')])
  const after = copyOf(before)
  const engine = await kindWith(hasty).open(after)
  for (;;) {
    const [earlier, latest] = await readLog(after)
    if (earlier.entries.length + latest.entries.length === 0) break
    await new Promise(setImmediate)
  }
  await engine.close()
  await addTo(after, patient, ...later)
  return { before, after }
}

recovery('a checkpoint whose rows are in LMDB while the log still holds them', async () => {
  const { before, after } = await checkpointed([{ key: utf8('a'), value: null }, put('c', '3')])
  cpSync(file(before, 'log/0'), file(after, 'log/0'))
  assert.equal(await reopened(after), ['b=2', 'c=3'])
})

recovery('a checkpoint that wrote some of its rows', async () => {
  const { before, after } = await checkpointed([{ key: utf8('b'), value: null }])
  cpSync(file(before, 'log/0'), file(after, 'log/0'))
  const rows = await lmdbEngine.open(after)
  await rows.commit([{ key: utf8('a'), value: null }, put('b', '0')])
  await rows.close()
  assert.equal(await reopened(after), ['a=1', 'c=2'])
})

recovery(
  'a checkpoint that was about to use its file again: any mix of old and new headers',
  async () => {
    const { before, after } = await checkpointed([put('c', '3')])
    const old = readFileSync(file(before, 'log/0'))
    const states: ((bytes: Buffer) => void)[] = [
      bytes => old.copy(bytes, 4_096, 4_096, 8_192),
      bytes => old.copy(bytes, 0, 0, 8_192),
      bytes => void (old.copy(bytes, 4_096, 4_096, 8_192) && bytes.fill(0, 10, 30)),
      bytes => void bytes.fill(0, 4_096 + 10, 4_096 + 30),
    ]
    for (const state of states) {
      const copy = copyOf(after)
      edit(file(copy, 'log/0'), state)
      assert.equal(await reopened(copy), ['a=1', 'b=2', 'c=3'])
      await addTo(copy, hasty, [put('d', '4')], [put('d', '5')])
      assert.equal(await reopened(copy), ['a=1', 'b=2', 'c=3', 'd=5'])
    }
  },
)

recovery('what a file held when it was last used is no part of the log', async () => {
  const { after } = await checkpointed([put('x', '1')])
  const engine = await kindWith(hasty).open(after)
  for (;;) {
    const [earlier, later] = await readLog(after)
    if (earlier.entries.length + later.entries.length === 0 && earlier.place === 0) break
    await new Promise(setImmediate)
  }
  await engine.close()
  assert.ok(readFileSync(file(after, 'log/0')).includes('b2'.padEnd(16)))
  await addTo(after, patient, [put('y', '2')])
  const [{ place, entries }] = await readLog(after)
  assert.equal([place, entries.length, entries[0]?.commitNumber], [0, 1, 4])
  assert.equal(await reopened(after), ['a=1', 'b=2', 'c=2', 'x=1', 'y=2'])
})

recovery(
  'a log whose later file goes on without the end of the earlier one is refused',
  async () => {
    const { before, after } = await checkpointed([put('d', '3')])
    const [, end = 0] = await ends(before)
    cpSync(file(before, 'log/0'), file(after, 'log/0'))
    edit(file(after, 'log/0'), bytes => bytes.fill(0, end - 40, end))
    assert.match(await refusal(after, false), /log\/1 begins after commits that are missing/)
  },
)

recovery.run()
