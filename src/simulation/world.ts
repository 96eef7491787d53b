/**
 * A world of regions in one thread: machines, processes, the network between them, and whoever
 * looks at all of it. It knows nothing of clients or of what goes wrong: those act on it.
 */

import { CoordinationError } from '../coordination/coordination.ts'
import type { Hasher } from '../model/hash.ts'
import type { PlacementTable, PolicyData, PolicyRegion } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import type { Serving } from '../node/serving.ts'
import type { StaleRetries } from '../routing/stale-policy.ts'
import { Damage } from './damage.ts'
import { DiskWatch } from './disk-watch.ts'
import { Governed } from './governed.ts'
import { Machine } from './machine.ts'
import { MisplacedAsks } from './misplaced-asks.ts'
import { SimulatedNetwork } from './network.ts'
import { Operators } from './operators.ts'
import { SimulatedProcess } from './process.ts'
import type { SeededRandom } from './seeded-random.ts'
import { SimulatedNode } from './simulated-node.ts'
import { strangerLinks } from './stranger.ts'
import { VirtualTime } from './virtual-time.ts'
import { Watcher } from './watcher.ts'
import { worldLog } from './world-log.ts'

export interface WorldOptions {
  readonly policy: PolicyData
  readonly hasher: Hasher
  readonly random: SeededRandom
  /** One way between two regions, in ms. */
  readonly delayMs: (from: RegionId, to: RegionId) => number
  /** Regions that may come: they have machines, and no node. */
  readonly newcomers: readonly PolicyRegion[]
  /** A node has another address each time that it starts, and joins anew. */
  readonly addressesMove: boolean
}

interface Region {
  readonly machine: Machine
  process: SimulatedProcess | undefined
  node: SimulatedNode | undefined
}

/** A node that did not start is started again. */
const COMES_AGAIN_MS = 500

export class World {
  readonly time = new VirtualTime()
  readonly network: SimulatedNetwork
  readonly watcher: Watcher
  /** The policies in force. */
  readonly governed: Governed
  /** What befalls records behind the backs of nodes. */
  readonly damage: Damage
  /** Looks whether disks have what was acknowledged. */
  readonly disks: DiskWatch
  readonly operators: Operators
  /** What must never happen: a bug, a refused placement, an error that a node logs. */
  readonly complaints: string[] = []
  readonly #options: WorldOptions
  readonly #regions = new Map<RegionId, Region>()
  #strangers = 0
  #starts = 0
  readonly #misplaced = new MisplacedAsks()
  readonly #deaths = new Map<RegionId, Set<() => void>>()

  constructor(options: WorldOptions) {
    const { policy, newcomers, hasher, random, delayMs } = options
    this.#options = options
    this.watcher = new Watcher({ policy, hasher, time: this.time })
    this.governed = new Governed({
      ...{ policy, hasher, watcher: this.watcher },
      onChange: (current, next) => this.damage.seeChange(current, next),
    })
    this.operators = new Operators({
      ...{ keeper: policy.keeper, time: this.time, governed: this.governed },
      nodeOf: region => this.#alive(region),
      complain: (region, what) => this.complain(region, what),
    })
    this.damage = new Damage({
      ...{ hasher, watcher: this.watcher, machineOf: region => this.machine(region) },
      table: () => this.table,
      mayBeChanging: () => this.operators.mayBeChanging,
    })
    this.network = new SimulatedNetwork({
      ...{ time: this.time, random: random.fork(), delayMs },
      onSend: (from, to, bytes) => this.watcher.sent(from, to, bytes),
    })
    const machines = new Map<RegionId, Machine>()
    this.disks = new DiskWatch({ time: this.time, watcher: this.watcher, machines })
    for (const { id } of [...policy.regions, ...newcomers]) {
      const machine = new Machine({
        ...{ time: this.time, random: random.fork() },
        onFlushed: (directory, changes) => this.watcher.flushed(id, directory, changes),
      })
      machines.set(id, machine)
      this.#regions.set(id, { machine, process: undefined, node: undefined })
    }
  }

  /** Of all regions that there are or may be. */
  get places(): ReadonlyMap<RegionId, PolicyRegion> {
    const { policy, newcomers } = this.#options
    return new Map([...policy.regions, ...newcomers].map(place => [place.id, place]))
  }

  get regions(): readonly RegionId[] {
    return [...this.#regions.keys()]
  }

  /** Of the policy in force, as clients know it. */
  get table(): PlacementTable {
    return this.governed.table
  }

  machine(region: RegionId): Machine {
    return this.#at(region).machine
  }

  /** The region's process, if it runs. */
  process(region: RegionId): SimulatedProcess | undefined {
    const { process } = this.#at(region)
    return process?.alive ? process : undefined
  }

  /** What clients ask there; undefined where nobody listens yet. */
  serving(region: RegionId): Serving | undefined {
    return this.#alive(region)?.serving
  }

  /** The same, as often as a change of the policy comes between. */
  retries(region: RegionId): StaleRetries | undefined {
    return this.serving(region) && this.#at(region).node?.retries
  }

  get allServe(): boolean {
    return this.table.data.regions.every(({ id }) => this.serving(id) !== undefined)
  }

  /** `task` runs when the region's process dies: its connections break. Returns what ends that. */
  onDeath(region: RegionId, task: () => void): () => void {
    const deaths = this.#deaths.get(region) ?? new Set()
    this.#deaths.set(region, deaths)
    deaths.add(task)
    return () => deaths.delete(task)
  }

  start(region: RegionId): void {
    const at = this.#at(region)
    if (at.process?.alive || !this.governed.isMember(region)) return
    const { random } = this.#options
    this.network.power(region, true)
    const process = new SimulatedProcess(this.time, {
      drift: random.between(-2e-4, 2e-4),
      wallOffsetMs: random.between(-20_000, 20_000),
    })
    const node = new SimulatedNode({
      url: this.#urlOf(region),
      ...{ region, process, machine: at.machine, random: random.fork(), time: this.time },
      ...{ policy: this.#fileOf(region), regions: this.regions, hasher: this.#options.hasher },
      network: this.network.of(region, process),
      log: worldLog({
        isAlive: () => process.alive,
        isExplained: (message, fields) => this.damage.explain(region, message, fields),
        complain: what => this.complain(region, what),
      }),
      erase: datasets => {
        at.machine.erase(datasets)
        for (const dataset of datasets) this.watcher.erased(region, dataset)
      },
      onRecord: record => this.governed.learn(record),
      onViolation: () => this.#refused(region),
      onFailure: (reason, trace) => {
        if (process.alive) this.complain(region, `${reason}: ${trace}`)
      },
    })
    at.process = process
    at.node = node
    node.start().catch((error: unknown) => {
      if (!process.alive) return
      if (this.#comesTooSoon(region, error)) return
      this.complain(region, `it does not start: ${error instanceof Error ? error.stack : error}`)
    })
  }

  /** What a node is started with: who comes later has a file with itself in it. */
  #fileOf(region: RegionId): PolicyData {
    const { policy, newcomers } = this.#options
    const itself = newcomers.filter(({ id }) => id === region)
    return itself.length > 0 ? { ...policy, regions: [...policy.regions, ...itself] } : policy
  }

  /** It has heard only of a record from before it was wanted: whoever watches it tries again. */
  #comesTooSoon(region: RegionId, error: unknown): boolean {
    const isNew = this.#options.newcomers.some(({ id }) => id === region)
    if (!isNew || !(error instanceof CoordinationError)) return false
    this.kill(region, { power: false })
    this.time.after(COMES_AGAIN_MS, () => this.start(region))
    return true
  }

  #urlOf(region: RegionId): string {
    if (!this.#options.addressesMove) return `http://${region}`
    this.#starts += 1
    return `http://${region}-${this.#starts}`
  }

  /** kill -9, or with `power` a machine that falls silent until it is started again. */
  kill(region: RegionId, { power }: { readonly power: boolean }): void {
    const { process, machine } = this.#at(region)
    if (!process?.alive) return
    process.die()
    machine.crash()
    this.disks.crashed(region)
    this.network.power(region, !power)
    this.network.processDied(process, { resets: !power })
    for (const task of [...(this.#deaths.get(region) ?? [])]) task()
  }

  /** This region asks each that stores what it may neither store nor serve for some of it. */
  trespass(region: RegionId, call = 'execute'): void {
    const node = this.#alive(region)
    // While the policy changes nobody is alarmed, nor by who has just left.
    if (!node || this.operators.mayBeChanging) return
    this.#misplaced.trespass({ call, self: region, table: this.table }, node)
  }

  /** This region takes another one for the keeper. */
  strayTo(to: RegionId, region: RegionId, call: string): void {
    const node = this.#alive(region)
    const isKeeper = to === this.#options.policy.keeper
    if (node && !isKeeper) this.#misplaced.stray(to, call, node)
  }

  /** What was asked for on purpose is to be refused. */
  #refused(region: RegionId): void {
    if (this.#misplaced.isAwaited(region)) return
    this.complain(region, `a residency check refused: ${new Error('where').stack}`)
  }

  /** A node of another cluster dials this region until it is told to end. */
  stranger(region: RegionId, feeds = false): () => void {
    this.#strangers += 1
    const from = `stranger${this.#strangers}`
    const { random } = this.#options
    const process = new SimulatedProcess(this.time, { drift: 0, wallOffsetMs: 0 })
    const links = strangerLinks({
      network: this.network.of(from, process),
      process,
      random,
      region,
    })
    const started = links.start().then(() => feeds && links.follow())
    started.catch((error: unknown) => this.complain(from, String(error)))
    return () => {
      process.die()
      this.network.processDied(process, { resets: true })
    }
  }

  /** Every node looks through all that it stores. */
  scrub(): void {
    for (const { process, node } of this.#regions.values()) if (process?.alive) node?.scrub()
  }

  #alive(region: RegionId): SimulatedNode | undefined {
    const { process, node } = this.#at(region)
    return process?.alive ? node : undefined
  }

  #at(region: RegionId): Region {
    const found = this.#regions.get(region)
    if (!found) throw new Error(`no region ${region}`)
    return found
  }

  complain(region: string, what: string): void {
    this.complaints.push(`${Math.round(this.time.nowMs)} ms, ${region}: ${what}`)
  }
}
