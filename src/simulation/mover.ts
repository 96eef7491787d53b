/**
 * Groups that go to another partition, and the tenants who write them meanwhile. The mover does at
 * a group's home what `denizen move` does there: holds it, reads it, looks once more whether it is
 * there, and has it erased if it is still what was read. What it has read stands for the copy, for
 * which no cluster is needed. It judges nothing.
 *
 * In a history the end of a group is a deletion of each key of which nobody was told how it ended,
 * as an erasure is.
 */
import { Client } from './client.ts'
import type * as history from './history.ts'
import { endOf, type NamedGroup, namedGroup, placedNow, whereOf } from './named-groups.ts'
import type { CopiedKey, Departure } from './observations.ts'
import { asked } from './operator-asks.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { World } from './world.ts'

export interface MoverOptions {
  readonly world: World
  readonly random: SeededRandom
  readonly records: history.OperationRecord[]
}

/** Who reads and erases, in histories. */
export const MOVER = 'mover'
const TENANTS = 2
const THINK_MS = 120
const FILLED_MS = 1_500
const PAUSE_MS = 300
/** Some holds are over before all has been read. */
const HOLD_MS = [0, 20, 150, 800, 3_000]
const ATTEMPTS_MAX = 12
/** What `movedTo` says here; no dataset of the world has partitions. */
const ELSEWHERE = 'elsewhere/'

export class Mover {
  readonly departures: Departure[] = []
  readonly #options: MoverOptions
  readonly #client: Client
  readonly #groups: NamedGroup[] = []
  #running: readonly Promise<void>[] = []
  #stopped = false
  #values = 0

  constructor(options: MoverOptions) {
    this.#options = options
    this.#client = new Client({ name: MOVER, ...options })
  }

  start(): void {
    const { random } = this.#options
    this.#next()
    const tenants = Array.from({ length: TENANTS }, (_, n) => this.#tenant(n, random.fork()))
    this.#running = [this.#run(), ...tenants]
  }

  /** Resolves when everybody has the last answer. */
  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#running)
  }

  /** Tenants write the newest group, and now and then one that has gone. */
  async #tenant(n: number, random: SeededRandom): Promise<void> {
    const { world } = this.#options
    const client = new Client({ ...this.#options, name: `tenant${n + 1}`, random })
    while (!this.#stopped) {
      await world.time.pause(random.between(0, 2 * THINK_MS))
      const newest = this.#groups.length - 1
      const group = this.#groups[Math.max(0, newest - (random.oneIn(4) ? random.below(3) : 0))]
      if (!group) continue
      const { serve } = placedNow(world, group)
      await client.ask(random.pick(serve), {
        ...whereOf(group),
        operation: this.#draw(random.pick(group.keys), random),
      })
    }
  }

  #draw(key: string, random: SeededRandom): history.Operation {
    if (random.oneIn(6)) return { kind: 'get', key, consistency: 'strong' }
    if (random.oneIn(5)) return { kind: 'delete', key }
    this.#values += 1
    return { kind: 'put', key, value: `m${this.#values}` }
  }

  async #run(): Promise<void> {
    const { world, random } = this.#options
    for (;;) {
      await world.time.pause(random.between(0, 2 * FILLED_MS))
      if (this.#stopped) return
      const group = this.#groups.at(-1)
      if (group) await this.#move(group)
      this.#next()
    }
  }

  #next(): void {
    const { world, random } = this.#options
    const placement = random.pick([...world.table.placements])
    this.#groups.push(namedGroup(placement, `away${this.#groups.length}`, ['a', 'b', 'c']))
  }

  async #move(group: NamedGroup): Promise<void> {
    const { world, random } = this.#options
    if (random.oneIn(3)) await this.#rehome(group)
    let copy: readonly CopiedKey[] | undefined
    for (let attempt = 0; attempt < ATTEMPTS_MAX && !this.#stopped; attempt++) {
      if (attempt > 0) await world.time.pause(random.between(0, 2 * PAUSE_MS))
      const held = await this.#hold(group, random.pick(HOLD_MS))
      // Erased, and not by this move, or its home has forgotten it.
      if (held?.erasedTerm !== undefined && held.movedTo === undefined) return
      const read = held?.movedTo === undefined ? await this.#read(group) : undefined
      const now = read ? await this.#hold(group, random.pick(HOLD_MS)) : held
      if (!held || !now) continue
      if (now.movedTo !== undefined) {
        // An earlier attempt, which nobody has answered.
        if (copy && now.erasedTerm !== undefined) this.#depart(group, copy, now.erasedTerm)
        return
      }
      if (!read) continue
      copy = read
      const term = await this.#end(group, held.state.tag)
      if (term === undefined) continue
      this.#depart(group, copy, term)
      return
    }
  }

  #depart({ placement, name }: NamedGroup, copy: readonly CopiedKey[], term: number): void {
    const { nowMs: atMs } = this.#options.world.time
    this.departures.push({ dataset: placement.id, group: name, copy, term, atMs })
  }

  async #rehome(group: NamedGroup): Promise<void> {
    const { world, random } = this.#options
    const { home, serve } = placedNow(world, group)
    const entry = random.pick(serve)
    const request = { dataset: group.placement.id, group: group.name, to: random.pick(home) }
    await asked(world, entry, () => world.operators.move(entry, request))
  }

  async #hold(group: NamedGroup, forMs: number) {
    const { world, random } = this.#options
    const entry = random.pick(placedNow(world, group).serve)
    const hold = () => world.operators.hold(entry, group.placement.id, group.name, forMs)
    const answer = await asked(world, entry, hold)
    return 'value' in answer ? answer.value : undefined
  }

  /** As its home has it; undefined where it did not answer. */
  async #read(group: NamedGroup): Promise<readonly CopiedKey[] | undefined> {
    const { world, random } = this.#options
    const copy: CopiedKey[] = []
    for (const key of group.keys) {
      const entry = random.pick(placedNow(world, group).serve)
      const operation = { kind: 'get', key, consistency: 'strong' } as const
      const { result } = await this.#client.ask(entry, { ...whereOf(group), operation })
      if (result?.kind === 'found') copy.push({ key, version: result.version })
      else if (result?.kind === 'absent') copy.push({ key, version: null })
      else return undefined
    }
    return copy
  }

  /** The term that has ended; undefined: the group has changed, or nobody knows. */
  async #end(group: NamedGroup, ifTag: string): Promise<number | undefined> {
    const { world, random, records } = this.#options
    const { placement, name } = group
    const entry = random.pick(placedNow(world, group).serve)
    const invokeMs = world.time.nowMs
    const terms = { ifTag, movedTo: ELSEWHERE }
    const erase = () => world.operators.erase(entry, placement.id, name, terms)
    const answer = await asked(world, entry, erase)
    // Nothing was done.
    if ('error' in answer && answer.error?.applied === 'no') return undefined
    records.push(...endOf(group, { client: MOVER, entry, invokeMs }))
    return 'value' in answer ? answer.value.erasure.term : undefined
  }
}
