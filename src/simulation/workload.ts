/**
 * What clients do to a world: hot keys, races for new ones, sessions that move between regions,
 * conditional writes, transactions, lives, repeats of what was not answered. It checks nothing.
 */
import type { Placement } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import { type Asked, Client } from './client.ts'
import type * as history from './history.ts'
import { Looks } from './looks.ts'
import { keyOf, onceWritten } from './marks.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { Look } from './themes.ts'
import type { World } from './world.ts'

export interface WorkloadOptions {
  readonly world: World
  readonly random: SeededRandom
  readonly clients: number
  /** Between an answer and the next question, on average, in ms. */
  readonly thinkMs: number
  readonly records: history.OperationRecord[]
  /** What there is more of. */
  readonly looks: readonly Look[]
}

/** New keys come in such steps of time, so that clients of all regions ask for the same. */
const NEW_KEY_EVERY_MS = 700
const HOT_KEYS = 3
const FOCUS_MS = 4_000
const TTL_MS = 1_500
const levels = [
  ...[{ consistency: 'strong' }, { consistency: 'eventual' }],
  ...[{ consistency: 'session' }, { consistency: 'session' }],
  { consistency: 'bounded', boundMs: 300 },
  { consistency: 'bounded', boundMs: 3_000 },
] as const

interface Known {
  readonly placement: Placement
  readonly key: string
}

export class Workload {
  readonly #options: WorkloadOptions
  readonly #running: Promise<void>[] = []
  readonly #keys = new Map<string, Known>()
  readonly #looks: Looks
  #stopped = false
  #values = 0
  #keysGiven = 0

  constructor(options: WorkloadOptions) {
    this.#options = options
    this.#looks = new Looks({ world: options.world, hotKeys: HOT_KEYS })
  }

  start(): void {
    const { clients, random } = this.#options
    for (let n = 0; n < clients; n++) this.#running.push(this.#client(`c${n + 1}`, random.fork()))
  }

  /** Resolves when every client has its last answer. */
  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#running)
  }

  /** Every key is read at its home, until it is answered, by a few who share the work. */
  async readAll(): Promise<void> {
    const keys = this.#keys.values()
    const judges = Array.from({ length: JUDGES }, (_, n) => this.#judge(`judge${n + 1}`, keys))
    await Promise.all(judges)
  }

  async #judge(name: string, keys: IterableIterator<Known>): Promise<void> {
    const { world, random, records } = this.#options
    const client = new Client({ name, world, random, records })
    for (let next = keys.next(); !next.done; next = keys.next()) {
      const { placement, key } = next.value
      const operation = { kind: 'get', key, consistency: 'strong' } as const
      const asked = { ...this.#where(placement, key), operation }
      for (let tries = 0; tries < TRIES_MAX; tries++) {
        // Under the policy of now.
        const { serve } = world.table.byId(placement.id)?.data ?? placement.data
        const { result } = await client.ask(random.pick(serve), asked)
        if (result !== null && result.kind !== 'error') break
        await this.#options.world.time.pause(200)
      }
    }
  }

  async #client(name: string, random: SeededRandom): Promise<void> {
    const { world, records, thinkMs, looks } = this.#options
    const client = new Client({ name, world, random, records })
    const versions = new Map<string, string>()
    let entry = random.pick(world.regions)
    let again: Asked | undefined
    const roams = random.oneIn(2)
    while (!this.#stopped) {
      await this.#options.world.time.pause(random.between(0, roams ? thinkMs : 2 * thinkMs))
      if (random.oneIn(roams ? 2 : 12)) entry = random.pick(world.regions)
      if (random.oneIn(15)) await this.#looks.look(entry, random)
      if (looks.length > 0) await this.#looks.look(entry, random, looks)
      if (!roams && random.oneIn(20) && this.#servesAny(entry)) {
        await client.askMany(entry, this.#batch(entry, random))
      }
      // A region that has retired, or is to come, serves nothing.
      if (!this.#servesAny(entry)) {
        entry = random.pick(world.regions)
        again = undefined
        continue
      }
      const asked = again ?? this.#draw(entry, roams, random, versions)
      again = undefined
      const record = await client.ask(entry, asked)
      remember(versions, record)
      const { operation, result } = record
      const failed = result === null || result.kind === 'error'
      if (!failed) continue
      if (random.oneIn(2)) entry = random.pick(world.regions)
      const repeatable = operation.kind !== 'get' && operation.idempotencyKey !== undefined
      if (repeatable && this.#mayServe(asked.dataset, entry)) again = asked
    }
  }

  #servesAny(entry: RegionId): boolean {
    return [...this.#options.world.table.placements].some(({ id }) => this.#mayServe(id, entry))
  }

  #servedAt(entry: RegionId, random: SeededRandom): Placement {
    const placements = [...this.#options.world.table.placements]
    return random.pick(placements.filter(({ id }) => this.#mayServe(id, entry)))
  }

  /** For a while everybody is interested in the same key. */
  #focus(entry: RegionId): Placement | undefined {
    const placements = [...this.#options.world.table.placements]
    const step = Math.floor(this.#options.world.time.nowMs / FOCUS_MS)
    const placement = placements[step % placements.length]
    return placement && this.#mayServe(placement.id, entry) ? placement : undefined
  }

  /** New keys, of which some are large. */
  #batch(entry: RegionId, random: SeededRandom): Asked[] {
    const placement = this.#servedAt(entry, random)
    return Array.from({ length: 4 + random.below(10) }, (_, n) => {
      const key = this.#groupedKey(placement, random, `${onceWritten}${this.#values}n${n}`)
      const operation = { kind: 'put', key, value: this.#value() } as const
      return { ...this.#where(placement, key), operation }
    })
  }

  #mayServe(dataset: string, region: RegionId): boolean {
    return this.#options.world.table.byId(dataset)?.mayServe(region) === true
  }

  /** `roams`: it mostly reads, wherever it comes to. */
  #draw(
    entry: RegionId,
    roams: boolean,
    random: SeededRandom,
    versions: ReadonlyMap<string, string>,
  ): Asked {
    const focus = random.oneIn(2) ? this.#focus(entry) : undefined
    const placement = focus ?? this.#servedAt(entry, random)
    const grouped = placement.data.groupBySegments !== null
    if (grouped && !roams && random.oneIn(4)) return this.#transaction(placement, random)
    const key = focus ? this.#groupedKey(focus, random, 'focus') : this.#key(placement, random)
    const known = versions.get(`${placement.id} ${key}`)
    const asked = { placement, key, known, roams }
    return { ...this.#where(placement, key), operation: this.#one(asked, random) }
  }

  #one(
    asked: {
      readonly placement: Placement
      readonly key: string
      readonly known: string | undefined
      readonly roams: boolean
    },
    random: SeededRandom,
  ): history.Operation {
    const { placement, key, known, roams } = asked
    const dice = random.below(20)
    if (dice < (roams ? 17 : 8)) {
      return { kind: 'get', key, ...random.pick(levels) }
    }
    const condition = this.#condition(known, random)
    const more = {
      ...(random.oneIn(3) && { idempotencyKey: this.#idempotencyKey() }),
      ...acksOf(placement, random),
    }
    if (dice % 4 === 2) return { kind: 'delete', key, ...condition, ...more }
    const life = key.startsWith('brief') ? { ttlMs: TTL_MS } : {}
    return { kind: 'put', key, value: this.#value(), ...condition, ...more, ...life }
  }

  #condition(
    known: string | undefined,
    random: SeededRandom,
  ): Pick<history.Put, 'ifMatch' | 'ifNoneMatch'> {
    if (random.oneIn(5)) return { ifNoneMatch: '*' }
    return known !== undefined && random.oneIn(4) ? { ifMatch: known } : {}
  }

  #transaction(placement: Placement, random: SeededRandom): Asked {
    const name = random.oneIn(2) ? 'focus' : `hot${random.below(HOT_KEYS)}`
    const first = this.#groupedKey(placement, random, name)
    const group = placement.groupOf(first as Parameters<Placement['groupOf']>[0])
    const [a, b] = ['a', 'b'].map(part => `${group}/${part}`) as [string, string]
    for (const key of [a, b]) this.#note(placement, key)
    const operation: history.Transaction = {
      kind: 'tx',
      conditions: random.oneIn(2) ? [{ key: a, exists: random.oneIn(2) }] : [],
      success: [
        { op: 'put', key: a, value: this.#value() },
        random.oneIn(3) ? { op: 'delete', key: b } : { op: 'put', key: b, value: this.#value() },
      ],
      failure: [
        { op: 'get', key: a },
        { op: 'get', key: b },
      ],
      ...(random.oneIn(3) && { idempotencyKey: this.#idempotencyKey() }),
      ...acksOf(placement, random),
    }
    return { dataset: placement.id, group, operation }
  }

  #key(placement: Placement, random: SeededRandom): string {
    const step = Math.floor(this.#options.world.time.nowMs / NEW_KEY_EVERY_MS)
    const dice = random.below(10)
    const name =
      dice < 5 ? `hot${random.below(HOT_KEYS)}` : dice < 9 ? `new${step}` : `brief${step % 20}`
    return this.#groupedKey(placement, random, name)
  }

  #groupedKey(placement: Placement, random: SeededRandom, name: string): string {
    const grouped = placement.data.groupBySegments !== null
    const key = keyOf(placement.id, name) + (grouped ? `/${random.pick(['a', 'b'])}` : '')
    this.#note(placement, key)
    return key
  }

  #note(placement: Placement, key: string): void {
    this.#keys.set(`${placement.id} ${key}`, { placement, key })
  }

  #where(placement: Placement, key: string): { dataset: string; group?: string } {
    const dataset = placement.id
    if (placement.data.groupBySegments === null) return { dataset }
    return { dataset, group: placement.groupOf(key as Parameters<Placement['groupOf']>[0]) }
  }

  #idempotencyKey(): string {
    this.#keysGiven += 1
    return `i${this.#keysGiven}`
  }

  #value(): string {
    this.#values += 1
    return `v${this.#values}`
  }
}

const TRIES_MAX = 100
const JUDGES = 12

/** Some writes are to be in several regions before they are answered. */
const acksOf = ({ data }: Placement, random: SeededRandom): { readonly acks?: number } =>
  random.oneIn(4) && data.store.length > 1 ? { acks: 2 + random.below(data.store.length - 1) } : {}

/** The newest version that the client knows of a key, for its conditions. */
function remember(versions: Map<string, string>, record: history.OperationRecord): void {
  const { dataset, operation, result } = record
  if (operation.kind === 'tx' || result === null) return
  const name = `${dataset} ${operation.key}`
  if (result.kind === 'found' || result.kind === 'written') versions.set(name, result.version)
}
