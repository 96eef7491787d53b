/**
 * A world of regions in one thread: machines, processes, the network between them, and whoever
 * looks at all of it. It knows nothing of clients or of what goes wrong: those act on it.
 */

import type { RehomeRequest } from '../api/administration.ts'
import { DenizenError } from '../model/errors.ts'
import type { Hasher } from '../model/hash.ts'
import type { Key } from '../model/key.ts'
import type { Placement, PlacementTable, PolicyData } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import type { LedgerEntry } from '../movement/erasure-rows.ts'
import type { RegionErasure } from '../movement/erasures.ts'
import type { Serving } from '../node/serving.ts'
import type { StaleRetries } from '../routing/stale-policy.ts'
import { Governed } from './governed.ts'
import { loseOne } from './loss.ts'
import { Losses } from './losses.ts'
import { Machine } from './machine.ts'
import { keyOf } from './marks.ts'
import { SimulatedNetwork } from './network.ts'
import { type PolicyDraw, withDraw } from './policy-changes.ts'
import { SimulatedProcess } from './process.ts'
import { rotOne } from './rot.ts'
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
}

interface Region {
  readonly machine: Machine
  process: SimulatedProcess | undefined
  node: SimulatedNode | undefined
}

export class World {
  readonly time = new VirtualTime()
  readonly network: SimulatedNetwork
  readonly watcher: Watcher
  /** The policies in force. */
  readonly governed: Governed
  /** What must never happen: a bug, a refused placement, an error that a node logs. */
  readonly complaints: string[] = []
  readonly #options: WorldOptions
  readonly #regions = new Map<RegionId, Region>()
  #strangers = 0
  /** By the region that was asked. */
  readonly #trespasses = new Map<RegionId, number>()
  readonly #losses = new Losses()
  readonly #deaths = new Map<RegionId, Set<() => void>>()

  constructor(options: WorldOptions) {
    const { policy, hasher, random, delayMs } = options
    this.#options = options
    this.watcher = new Watcher({ policy, hasher, time: this.time })
    this.governed = new Governed(policy, hasher, this.watcher)
    this.network = new SimulatedNetwork({
      ...{ time: this.time, random: random.fork(), delayMs },
      onSend: (from, to, bytes) => this.watcher.sent(from, to, bytes),
    })
    for (const { id } of policy.regions) {
      const machine = new Machine({
        ...{ time: this.time, random: random.fork() },
        onFlushed: (directory, changes) => this.watcher.flushed(id, directory, changes),
      })
      this.#regions.set(id, { machine, process: undefined, node: undefined })
    }
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
    const { process, node } = this.#at(region)
    return process?.alive ? node?.serving : undefined
  }

  /** The same, as often as a change of the policy comes between. */
  retries(region: RegionId): StaleRetries | undefined {
    return this.serving(region) && this.#at(region).node?.retries
  }

  get allServe(): boolean {
    return this.regions.every(region => this.serving(region) !== undefined)
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
    if (at.process?.alive) return
    const { random } = this.#options
    this.network.power(region, true)
    const process = new SimulatedProcess(this.time, {
      drift: random.between(-2e-4, 2e-4),
      wallOffsetMs: random.between(-20_000, 20_000),
    })
    const node = new SimulatedNode({
      ...{ region, process, machine: at.machine, random: random.fork(), time: this.time },
      ...{ policy: this.#options.policy, hasher: this.#options.hasher },
      network: this.network.of(region, process),
      log: worldLog({
        isAlive: () => process.alive,
        isExplained: (message, fields) => this.#losses.explain(region, message, fields),
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
      this.complain(region, `it does not start: ${error instanceof Error ? error.stack : error}`)
    })
  }

  /** kill -9, or with `power` a machine that falls silent until it is started again. */
  kill(region: RegionId, { power }: { readonly power: boolean }): void {
    const { process, machine } = this.#at(region)
    if (!process?.alive) return
    process.die()
    machine.crash()
    this.network.power(region, !power)
    this.network.processDied(process, { resets: !power })
    for (const task of [...(this.#deaths.get(region) ?? [])]) task()
  }

  /** A record of which every copy is the same rots in this region. */
  rot(region: RegionId, random: SeededRandom): void {
    // A copy that was found sound, and rots before the others are erased, can't be told from one
    // that rots as the last.
    if (this.governed.isChanging) return
    const placement = random.pick(this.#sharedBy(region))
    if (placement) rotOne(placement, region, other => this.machine(other), random)
  }

  /** A record of which every copy is the same is no more in this region, and nobody is told. */
  lose(region: RegionId, random: SeededRandom): void {
    // A copy may be the last one soon, and what it lacks can't be told then.
    if (this.governed.isChanging) return
    const { hasher } = this.#options
    const placement = random.pick(this.#sharedBy(region))
    const machineOf = (other: RegionId): Machine => this.machine(other)
    const key = placement && loseOne({ placement, region, machineOf, hasher, random })
    if (key === undefined) return
    this.watcher.lost(region, placement.id, key)
    const slot = placement.slotOf(placement.groupOf(key as Key))
    this.#losses.add(region, placement.id, slot)
  }

  #sharedBy(region: RegionId): Placement[] {
    return [...this.table.placements].filter(
      ({ data }) => data.store.length > 1 && data.store.includes(region),
    )
  }

  /** Why a change of the policy does not go on. */
  get waiting(): string {
    return this.#at(this.#options.policy.keeper).node?.waiting ?? ''
  }

  /** An operator applies another policy, where the keeper can be asked, and nothing else runs. */
  applyPolicy(draw: PolicyDraw): void {
    const keeper = this.#options.policy.keeper
    const { process, node } = this.#at(keeper)
    if (!process?.alive || !this.serving(keeper)) return
    process.enter(() => {
      node
        ?.apply(current => withDraw(current, draw))
        .catch((error: unknown) => {
          if (!(error instanceof DenizenError)) this.complain(keeper, (error as Error).stack ?? '')
        })
    })
  }

  /** This region asks each that stores what it may neither store nor serve for some of it. */
  trespass(region: RegionId): void {
    const { process, node } = this.#at(region)
    // While the policy changes nobody is alarmed, nor by who has just left.
    if (!process?.alive || this.governed.isChanging) return
    for (const { id, data } of this.table.placements) {
      const { store, serve, left = [] } = data
      if ([...store, ...serve, ...left].includes(region)) continue
      for (const to of data.store) {
        this.#trespasses.set(to, (this.#trespasses.get(to) ?? 0) + 1)
        node?.ask(to, id, keyOf(id, 'hot0'))
      }
    }
  }

  /** What was asked for on purpose is to be refused. */
  #refused(region: RegionId): void {
    const awaited = this.#trespasses.get(region) ?? 0
    if (awaited > 0) this.#trespasses.set(region, awaited - 1)
    else this.complain(region, `a residency check refused: ${new Error('where').stack}`)
  }

  /** A node of another cluster dials this region until it is told to end. */
  stranger(region: RegionId): () => void {
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
    links.start().catch((error: unknown) => this.complain(from, String(error)))
    return () => {
      process.die()
      this.network.processDied(process, { resets: true })
    }
  }

  /** An operator asks this region to move a group. Throws `DenizenError`. */
  async move(region: RegionId, request: RehomeRequest): Promise<void> {
    const { process, node } = this.#at(region)
    if (process?.alive) await node?.move(request)
  }

  /** An operator asks this region to erase a group. Throws `DenizenError`. */
  async erase(region: RegionId, dataset: string, group: string): Promise<LedgerEntry> {
    const { placement, erasures } = this.#erasing(region, dataset)
    return await erasures.erase(placement, group)
  }

  /** What all regions say of an erasure, as this one hears it. */
  async erasures(region: RegionId, dataset: string, hash: string): Promise<RegionErasure[]> {
    const { placement, erasures } = this.#erasing(region, dataset)
    return await erasures.states(placement, hash)
  }

  #erasing(region: RegionId, dataset: string) {
    const { process, node } = this.#at(region)
    const found = process?.alive ? node?.erasing() : undefined
    const placement = found?.table.byId(dataset)
    if (!found || !placement) throw new DenizenError('not_ready', 'the node does not serve')
    return { placement, erasures: found.erasures }
  }

  /** Every node looks through all that it stores. */
  scrub(): void {
    for (const { process, node } of this.#regions.values()) if (process?.alive) node?.scrub()
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
