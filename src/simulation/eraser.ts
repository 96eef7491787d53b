/**
 * An operator who erases groups, and a client who fills them again: groups of their own, so that it
 * is known when nobody writes them. Whenever a region confirms an erasure, and in the end, its disk
 * is searched for the group. It judges nothing.
 *
 * In a history an erasure is a deletion of each key of which nobody was told how it ended: it may
 * have found something, and took effect at some moment after it was asked for.
 */
import type { Placement } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import type { LedgerEntry } from '../movement/erasure-rows.ts'
import type { RegionErasure } from '../movement/erasures.ts'
import { Client } from './client.ts'
import type * as history from './history.ts'
import { endOf, type NamedGroup, namedGroup, placedNow, whereOf } from './named-groups.ts'
import type { ErasureSight } from './observations.ts'
import { asked } from './operator-asks.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { World } from './world.ts'

export interface EraserOptions {
  readonly world: World
  readonly random: SeededRandom
  readonly records: history.OperationRecord[]
  /** Groups move, so that feeds of several regions name them. */
  readonly moves: boolean
}

interface Group extends NamedGroup {
  /** Since which nobody has written the group. */
  erased: LedgerEntry | undefined
  /** A write may still be under way. */
  uncertain: boolean
}

const GROUPS = 3
const PAUSE_MS = 900
const LOOKS_MAX = 6
const LOOK_EVERY_MS = 400

export class Eraser {
  readonly sights: ErasureSight[] = []
  readonly #options: EraserOptions
  readonly #client: Client
  readonly #groups: readonly Group[]
  #running: Promise<void> | undefined
  #stopped = false
  #values = 0

  constructor(options: EraserOptions) {
    const { world } = options
    this.#options = options
    this.#client = new Client({ name: 'eraser', ...options })
    this.#groups = [...world.table.placements].flatMap(placement =>
      Array.from({ length: GROUPS }, (_, n) => groupOf(placement, n)),
    )
  }

  start(): void {
    this.#running = this.#run()
  }

  /** Resolves when it has its last answer. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
  }

  /** Everything has healed: each erasure has to come to its end, and to have lasted. */
  async lookAtAll(): Promise<void> {
    for (const group of this.#groups) {
      if (!group.erased || group.uncertain) continue
      await this.#watch(group, END_LOOKS_MAX)
      const { placement, name } = group
      const { world } = this.#options
      for (const region of world.regions) {
        this.#see(group, region, world.machine(region).rowsNaming(placement.id, name))
      }
    }
  }

  async #run(): Promise<void> {
    const { world, random } = this.#options
    while (!this.#stopped) {
      await world.time.pause(random.between(0, 2 * PAUSE_MS))
      const group = random.pick(this.#groups)
      if (group.uncertain) continue
      if (this.#options.moves && random.oneIn(3)) await this.#move(group)
      if (random.oneIn(3)) await this.#erase(group)
      else if (random.oneIn(4)) await this.#read(group)
      else await this.#write(group)
    }
  }

  async #write(group: Group): Promise<void> {
    const { world, random } = this.#options
    this.#values += 1
    const operation = {
      kind: 'put',
      key: random.pick(group.keys),
      value: `e${this.#values}`,
    } as const
    group.erased = undefined
    const entry = random.pick(placedNow(world, group).serve)
    const { result } = await this.#client.ask(entry, { ...whereOf(group), operation })
    const isUnknown = result === null || (result.kind === 'error' && result.applied !== 'no')
    if (isUnknown) group.uncertain = true
  }

  async #move({ placement, name }: Group): Promise<void> {
    const { world, random } = this.#options
    const entry = random.pick(placement.data.serve)
    const to = random.pick(placement.data.home)
    const request = { dataset: placement.id, group: name, to }
    await this.#answer(entry, () => world.operators.move(entry, request))
  }

  async #read(group: Group): Promise<void> {
    const { world, random } = this.#options
    const consistency = random.pick(['strong', 'session', 'eventual'] as const)
    const operation = { kind: 'get', key: random.pick(group.keys), consistency } as const
    const entry = random.pick(placedNow(world, group).serve)
    await this.#client.ask(entry, { ...whereOf(group), operation })
  }

  async #erase(group: Group): Promise<void> {
    const { world, random, records } = this.#options
    const { placement, name } = group
    const entry = random.pick(placedNow(world, group).serve)
    records.push(...endOf(group, { client: 'eraser', entry, invokeMs: world.time.nowMs }))
    const done = await this.#answer(entry, () => world.operators.erase(entry, placement.id, name))
    // Whether it was done is not known: it may come later, and end what is written by then.
    if (!done) group.uncertain = true
    group.erased = done
    if (done) await this.#watch(group, LOOKS_MAX)
  }

  /** Until all regions confirm, or for some looks. */
  async #watch(group: Group, looksMax: number): Promise<void> {
    const { world, random } = this.#options
    const { placement, name, erased } = group
    const confirmed = new Set<RegionId>()
    for (let look = 0; erased && look < looksMax; look++) {
      const entry = random.pick(placedNow(world, group).serve)
      const states = await this.#answer(entry, () =>
        world.operators.erasures(entry, placement.id, erased.hash),
      )
      for (const state of states ?? []) {
        if (!hasConfirmed(state, erased) || confirmed.has(state.region)) continue
        confirmed.add(state.region)
        this.#see(group, state.region, world.machine(state.region).rowsNaming(placement.id, name))
      }
      if (placedNow(world, group).store.every(region => confirmed.has(region))) return
      await world.time.pause(LOOK_EVERY_MS)
    }
    if (looksMax < END_LOOKS_MAX) return
    for (const region of placedNow(world, group).store) {
      if (!confirmed.has(region)) this.#see(group, region, undefined)
    }
  }

  #see({ placement, name }: Group, region: RegionId, rows: number | undefined): void {
    const { nowMs: atMs } = this.#options.world.time
    this.sights.push({ dataset: placement.id, group: name, region, rows, atMs })
  }

  /** Undefined: there was none, or it was a failure. */
  async #answer<T>(entry: RegionId, run: () => Promise<T>): Promise<T | undefined> {
    const answer = await asked(this.#options.world, entry, run)
    return 'value' in answer ? answer.value : undefined
  }
}

const END_LOOKS_MAX = 60

const hasConfirmed = (state: RegionErasure, { erasure }: LedgerEntry): boolean =>
  'purge' in state && state.erasure?.term === erasure.term && (state.purge?.compactedAtMs ?? 0) > 0

const groupOf = (placement: Placement, n: number): Group => ({
  ...namedGroup(placement, `gone${n}`, ['a', 'b']),
  ...{ erased: undefined, uncertain: false },
})
