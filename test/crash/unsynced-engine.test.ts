/**
 * Durability with the page cache taken away: a process commits under undo-journal.c, is killed at
 * a random moment, and the files are rolled back to what was synced. Every row that it was told of
 * must be there. Two stores that answer too early have to fail the same check.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { buildShim, shimEnvironment } from './unsynced/build-shim.ts'
import { durableEngines, type EngineName } from './unsynced/durable-engines.ts'
import { commitRowsMax, countRows } from './unsynced/numbered-rows.ts'
import { rollBack } from './unsynced/roll-back.ts'

const library = await buildShim()
const crashes = suite('unsynced writes are lost')
const top = mkdtempSync(join(tmpdir(), 'denizen-unsynced-'))
process.on('exit', () => {
  rmSync(top, { recursive: true, force: true })
  if (library !== undefined) rmSync(dirname(library), { recursive: true, force: true })
})
let places = 0

interface Place {
  readonly root: string
  readonly store: string
  readonly journals: string
}

function freshPlace(): Place {
  const place = join(top, `${places++}`)
  const [root, journals] = [join(place, 'root'), join(place, 'journals')]
  for (const directory of [root, journals]) mkdirSync(directory, { recursive: true })
  return { root, store: join(root, 'shard', 'store'), journals }
}

interface Life {
  /** Rows of the last commit that it was told of; zero when there was none. */
  readonly acknowledged: number
  /** What it said when its engine failed. */
  readonly failure: string
}

interface LifeOptions {
  readonly variety?: string
  readonly syncsMax?: number
  /** When to kill: so long after the start, or after the first commit. */
  readonly killAfterMs: number
  readonly from?: 'start' | 'first commit'
}

async function live(place: Place, options: LifeOptions): Promise<Life> {
  const script = join(import.meta.dirname, 'unsynced', 'committing-child.ts')
  const env: NodeJS.ProcessEnv = shimEnvironment(library ?? '', place.root, place.journals)
  if (options.syncsMax !== undefined) env.DENIZEN_SHIM_SYNCS_MAX = `${options.syncsMax}`
  const child = spawn(process.execPath, [script, place.store, options.variety ?? 'lmdb'], {
    env,
    // lmdb-js prints errors that it also reports.
    stdio: ['ignore', 'pipe', options.syncsMax === undefined ? 'inherit' : 'ignore'],
  })
  let output = ''
  let timer: NodeJS.Timeout | undefined
  const killLater = () => {
    timer ??= setTimeout(() => child.kill('SIGKILL'), options.killAfterMs)
  }
  if (options.from === 'start') killLater()
  child.stdout.setEncoding('utf8').on('data', text => {
    output += text
    killLater()
  })
  const [code] = await once(child, 'close')
  clearTimeout(timer)
  const lines = output.split('\n').slice(0, -1)
  const failure = lines.find(line => line.startsWith('failed')) ?? ''
  assert.ok(code === null || failure !== '', `the child ended by itself with ${code}: ${output}`)
  return { acknowledged: Number(lines.filter(line => /^\d+$/.test(line)).at(-1) ?? 0), failure }
}

/** The rows that are there after the power cut; throws on anything that is none of them. */
async function recount(place: Place, name: EngineName, survives?: () => boolean): Promise<number> {
  rollBack(place.journals, survives === undefined ? {} : { survives })
  const engine = await durableEngines[name].open(place.store)
  try {
    return countRows(engine)
  } finally {
    await engine.close()
  }
}

const check = (title: string, run: () => Promise<void>) =>
  library === undefined ? crashes.skip(`${title} (no C compiler)`, run) : crashes(title, run)

check('the shim takes away what is not synced, and that only', async () => {
  const { root, journals } = freshPlace()
  const script = join(import.meta.dirname, 'unsynced', 'shim-child.ts')
  const env = shimEnvironment(library ?? '', root, journals)
  const child = spawn(process.execPath, [script, root], { env, stdio: 'inherit' })
  const [, signal] = await once(child, 'close')
  assert.is(signal, 'SIGKILL')
  const files = () => readdirSync(root).sort()
  const content = (name: string) => readFileSync(join(root, name), 'utf8')
  assert.ok(existsSync(join(root, 'made')), 'the kill itself takes nothing')
  assert.is(content('direct'), 'xxSYNCxxxxxxxxxxxx')
  const { writes, names } = rollBack(journals)
  assert.equal([writes, names], [7, 3])
  assert.equal(files(), [
    'direct',
    'grown',
    'old',
    'overwritten',
    'replaced',
    'synced',
    'truncated',
  ])
  assert.is(content('synced'), 'DURABLE text')
  assert.is(content('direct'), 'duSYNCe text')
  for (const name of ['grown', 'old', 'overwritten', 'replaced', 'truncated']) {
    assert.is(content(name), 'durable text', name)
  }
  assert.equal(readdirSync(journals), [])
})

for (const variety of ['lmdb', 'log', 'lmdb-compact', 'log-compact'] as const) {
  const [name] = variety.split('-') as [EngineName]
  const lives = variety === name ? 12 : 5
  check(`${variety}: every acknowledged row survives power cuts at random moments`, async () => {
    const place = freshPlace()
    let before = 0
    let commits = 0
    for (let life = 0; life < lives; life++) {
      const killAfterMs = Math.random() * 160
      const { acknowledged } = await live(place, { variety, killAfterMs })
      // Some unsynced writes may reach the disk all the same, in any selection.
      const after = await recount(
        place,
        name,
        life % 2 === 0 ? undefined : () => Math.random() < 0.5,
      )
      const least = Math.max(before, acknowledged)
      assert.ok(after >= least, `${after} rows, ${least} were acknowledged`)
      assert.ok(after <= least + commitRowsMax, `${after} rows, only ${least} were acknowledged`)
      if (after > before) commits += 1
      before = after
    }
    assert.ok(commits >= lives - 2, 'most lives committed')
  })
}

for (const name of ['lmdb', 'log'] as const) {
  check(`${name}: a power cut while the store is made leaves one that opens, or none`, async () => {
    for (let life = 0; life < 8; life++) {
      const place = freshPlace()
      const { acknowledged } = await live(place, {
        variety: name,
        killAfterMs: 60 + Math.random() * 120,
        from: 'start',
      })
      const after = await recount(place, name)
      assert.ok(after >= acknowledged && after <= acknowledged + commitRowsMax)
    }
  })

  check(`${name}: a store is whole once it was opened`, async () => {
    const place = freshPlace()
    await live(place, { variety: `${name}-open`, killAfterMs: 10_000 })
    rollBack(place.journals)
    const engine = await durableEngines[name].open(place.store, { readOnly: true })
    assert.is(countRows(engine), 0)
    await engine.close()
  })

  check(`${name}: what a start shows after a kill survives a power cut`, async () => {
    const place = freshPlace()
    for (let life = 0; life < 4; life++) {
      await live(place, { variety: name, killAfterMs: Math.random() * 40 })
      const { acknowledged: shown } = await live(place, {
        variety: `${name}-open`,
        killAfterMs: 10_000,
      })
      assert.ok((await recount(place, name)) >= shown)
    }
  })

  check(`${name}: a failed sync ends the engine, and what was acknowledged stays`, async () => {
    for (const syncsMax of [24, 50]) {
      const place = freshPlace()
      const { acknowledged, failure } = await live(place, {
        variety: name,
        syncsMax,
        killAfterMs: 10_000,
      })
      assert.is(failure, 'failed EngineFailure refused=true')
      assert.ok(acknowledged > 0)
      // A commit that is in the log fails too, where a checkpoint's sync does meanwhile.
      const unacknowledgedMax = name === 'log' ? commitRowsMax : 0
      const after = await recount(place, name)
      assert.ok(after >= acknowledged && after <= acknowledged + unacknowledgedMax)
    }
  })
}

for (const variety of ['no-sync', 'sync-later']) {
  check(`${variety}: a store that answers before it syncs is caught`, async () => {
    const place = freshPlace()
    await durableEngines.lmdb.open(place.store).then(engine => engine.close())
    let lost = ''
    for (let life = 0; life < 8 && lost === ''; life++) {
      const { acknowledged } = await live(place, { variety, killAfterMs: Math.random() * 50 })
      const after = await recount(place, 'lmdb').catch(error => `${error}`)
      if (typeof after === 'string') lost = after
      else if (after < acknowledged) lost = `${acknowledged} rows acknowledged, ${after} left`
    }
    assert.is.not(lost, '', 'rows should have been lost')
  })
}

crashes.run()
