/**
 * Power cuts under a whole node: `denizen serve` runs under undo-journal.c while clients write, is
 * killed in the middle of it, and its files are rolled back to what was synced. Whatever a client
 * was told must be there after the next start, and no version is given out twice. Builds that
 * answer before they sync have to fail the same check.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { freePorts, loopback } from '../../src/cli/dev/ports.ts'
import { loadHasher } from '../../src/model/hash.ts'
import { generationOf } from '../../src/model/position.ts'
import { slotOf } from '../../src/model/slot.ts'
import { denizenScript } from '../cli/run-denizen.ts'
import { ask, inParallel, kv, seededRandom, seedOfRun, until } from '../cluster/region-client.ts'
import { checkKey, type OwnKey, versionOf, Writers } from '../cluster/writers.ts'
import { brokenBuild, type Patch } from '../worlds/broken-build.ts'
import { smallPolicy } from '../worlds/world.ts'
import { buildShim, shimEnvironment } from './unsynced/build-shim.ts'
import { rollBack } from './unsynced/roll-back.ts'

const library = await buildShim()
const hasher = await loadHasher()
const random = seededRandom(seedOfRun())
const region = 'eu-west'
const datasets = ['cities', 'settings']

/** One node whose machine loses power. */
class Machine {
  readonly regions = [region]
  readonly #script: string
  readonly #place = mkdtempSync(join(tmpdir(), 'denizen-power-'))
  readonly #root = join(this.#place, 'root')
  readonly #journals = join(this.#place, 'journals')
  readonly #config = join(this.#place, 'denizen.yaml')
  #ports: readonly number[] = []
  #child: ChildProcess | undefined
  #log = ''

  constructor(script: string) {
    this.#script = script
    for (const directory of [this.#root, this.#journals]) mkdirSync(directory)
    writeFileSync(this.#config, smallPolicy(this.regions))
  }

  url(): string {
    return `http://${loopback}:${this.#ports[0]}`
  }

  async boot(): Promise<void> {
    if (this.#ports.length === 0) this.#ports = await freePorts(2)
    const [port, peerPort] = this.#ports
    const args = [
      ...['serve', '--region', region, '--config', this.#config, '--threads', '2'],
      ...['--data', join(this.#root, 'data'), '--listen', `${loopback}:${port}`],
      ...['--peer-listen', `${loopback}:${peerPort}`],
    ]
    const child = spawn(process.execPath, [this.#script, ...args], {
      env: { ...shimEnvironment(library ?? '', this.#root, this.#journals), NO_COLOR: '1' },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    this.#child = child
    this.#log = ''
    child.stderr.on('data', text => {
      this.#log += text
    })
    await once(child, 'spawn')
  }

  async ready(): Promise<void> {
    await until(
      async () => {
        assert.is(this.#child?.exitCode, null, `the node ended by itself: ${this.#tellLog()}`)
        const reply = await ask(this, region, '/readyz').catch(() => undefined)
        return reply?.status === 200
      },
      () => `the node is ready; its log: ${this.#tellLog()}`,
    )
  }

  /** Less what it says to whoever asks whether it is ready. */
  #tellLog(): string {
    const lines = this.#log.split('\n').filter(line => !line.includes('not_ready'))
    return lines.join('\n').slice(-3_000)
  }

  /** At once: what is under way then is under way for good. */
  kill(): void {
    this.#child?.kill('SIGKILL')
  }

  /** The kill loses nothing; this loses what was not synced, or any selection of it. */
  async losePower(survives?: () => boolean): Promise<number> {
    const child = this.#child
    assert.ok(child)
    this.kill()
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    return rollBack(this.#journals, survives === undefined ? {} : { survives }).writes
  }

  async scrap(): Promise<void> {
    await this.losePower()
    rmSync(this.#place, { recursive: true, force: true })
  }
}

/** Which versions were given out, and in which life of the node. */
class Versions {
  readonly #lives = new Map<string, number>()
  readonly #newest = new Map<string, { life: number; generation: number }>()

  /** Of all writes that were acknowledged in this life. */
  check(life: number, keys: readonly OwnKey[]): void {
    for (const { dataset, key, attempts } of keys) {
      const slot = `${dataset} ${slotOf(hasher, key, 64)}`
      for (const { version } of attempts) {
        const name = `${slot} ${version?.term}.${version?.seq}`
        if (!version || this.#lives.get(`${name} ${key}`) !== undefined) continue
        assert.not(this.#lives.has(name), `${name} was given out twice`)
        this.#lives.set(name, life).set(`${name} ${key}`, life)
        const generation = generationOf(version.seq)
        const newest = this.#newest.get(slot)
        if (newest && newest.life < life) {
          assert.ok(generation > newest.generation, `${slot}: a generation is used by two lives`)
        }
        this.#newest.set(slot, { life, generation })
      }
    }
  }
}

/** Throws unless the node holds what it has acknowledged in all its lives. */
async function checkKeys(machine: Machine, keys: readonly OwnKey[]): Promise<void> {
  const headers = { 'denizen-consistency': 'strong' }
  await inParallel(8, keys, async own => {
    const reply = await ask(machine, region, kv(own.dataset, own.key), { headers })
    assert.ok([200, 404].includes(reply.status), `${reply.status} ${reply.body}`)
    const { status, body } = reply
    const held = { value: body.toString(), version: versionOf(`${reply.headers.etag ?? '0.0'}`) }
    checkKey(own, status === 200 ? held : undefined)
  })
}

interface Survived {
  readonly acknowledged: number
  readonly lostWrites: number
}

/** Boots, writes and loses power so many times. */
async function live(script: string, lives: number): Promise<Survived> {
  const machine = new Machine(script)
  const versions = new Versions()
  let writers: Writers | undefined
  let lostWrites = 0
  let acknowledged = 0
  try {
    for (let life = 0; life < lives; life++) {
      await machine.boot()
      await machine.ready()
      if (writers) await checkKeys(machine, writers.keys)
      let left = 3 + Math.floor(random() ** 2 * 150)
      writers = new Writers({
        world: machine,
        datasets,
        writers: 8,
        keysPerWriter: 6,
        random,
        ...(writers && { continues: writers }),
        onAcknowledged: () => {
          left -= 1
          if (left === 0) machine.kill()
        },
      })
      await until(() => left <= 0, 'the clients write')
      await writers.stop()
      acknowledged += writers.counts.acknowledged
      versions.check(life, writers.keys)
      // Some unsynced writes may reach the disk all the same, in any selection.
      lostWrites += await machine.losePower(life % 2 === 0 ? undefined : () => random() < 0.5)
    }
    await machine.boot()
    await machine.ready()
    if (writers) await checkKeys(machine, writers.keys)
    return { acknowledged, lostWrites }
  } finally {
    await machine.scrap()
  }
}

const cuts = suite('power cuts under a node')
process.on('exit', () => {
  if (library !== undefined) rmSync(dirname(library), { recursive: true, force: true })
})
if (library === undefined) {
  process.stdout.write('skip: power cuts under a whole node need Linux and a C compiler\n')
}
const check = (title: string, run: () => Promise<void>) =>
  library === undefined ? cuts.skip(title, run) : cuts(title, run)

check('all that was acknowledged survives 16 power cuts', async () => {
  const { acknowledged, lostWrites } = await live(denizenScript, 16)
  process.stdout.write(`${acknowledged} acknowledged; ${lostWrites} unsynced writes were lost\n`)
  assert.ok(lostWrites > 0, 'the power cuts took something away')
})

check('a node that loses power while it starts for the first time starts again', async () => {
  const machine = new Machine(denizenScript)
  try {
    for (let life = 0; life < 5; life++) {
      await machine.boot()
      const killAtMs = performance.now() + 200 + random() * 800
      const answers = () =>
        ask(machine, region, '/healthz').then(
          () => true,
          () => false,
        )
      await until(async () => performance.now() > killAtMs || (await answers()), 'it starts')
      await machine.losePower(life % 2 === 0 ? undefined : () => random() < 0.5)
    }
    await machine.boot()
    await machine.ready()
  } finally {
    await machine.scrap()
  }
})

const answering = '    for (const [onReplies, replies] of answers) onReplies(replies)\n'
const replyBeforeCommit: Patch[] = [
  {
    file: 'src/storage/shard.ts',
    from: '      const commit = engine.commit(changes)\n',
    to: `${answering}      const commit = engine.commit(changes)\n`,
  },
  {
    file: 'src/storage/shard.ts',
    from: `${answering}    if (changes.length > 0) store`,
    to: `    if (changes.length === 0)\n${answering}    if (changes.length > 0) store`,
  },
]
const replyBeforeSync: Patch[] = [
  {
    file: 'src/storage/log/segment.ts',
    from: '    await sync(this.#file)\n    const isNear',
    to: '    const isNear',
  },
]

/** What the check says of a node that has forgotten what it told its clients. */
const broken =
  /write is lost|older version|given out twice|by two lives|nobody wrote|another value|damaged/

for (const [defect, patches] of [
  ['answers before the commit', replyBeforeCommit],
  ['answers before the sync', replyBeforeSync],
] as const) {
  check(`a build that ${defect} is caught`, async () => {
    const build = brokenBuild(patches)
    try {
      // It takes a kill between the answer and the disk: one of so many meets that.
      const caught = await live(build.script, 40).then(
        () => 'nothing was found',
        error => `${(error as Error).message}`,
      )
      process.stdout.write(`${defect}: ${caught.slice(0, 200)}\n`)
      assert.match(caught, broken)
    } finally {
      build.remove()
    }
  })
}

cuts.run()
