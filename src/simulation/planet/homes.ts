/**
 * Denizen's own way, by the code that nodes run: `decide` says where each write runs, a new home is
 * claimed at the registrar that the cluster record names, and homes follow their writers if there
 * is a rule for that.
 */
import { assert } from '../../model/assert.ts'
import { decide, type Intent, type Knowledge, type Topology } from '../../routing/decide.ts'
import type { PlanetDataset } from './dataset.ts'
import type { Geography } from './geography.ts'
import type { PlanetParameters } from './parameters.ts'
import { continueRun, type Run, shouldMove } from './rehoming-rule.ts'
import type { Strategy } from './strategy.ts'
import { Tally } from './tally.ts'
import type { Trace, Write } from './trace.ts'
import { Traffic } from './traffic.ts'

export interface HomesOptions {
  readonly geography: Geography
  readonly dataset: PlanetDataset
  readonly parameters: PlanetParameters
  /** False: a group stays where it was first written. */
  readonly rehomes: boolean
}

interface Executed {
  readonly home: number
  /** From the write's arrival in its entry region until its reply leaves there. */
  readonly ms: number
}

/** A move that the last write has set off. */
interface Move {
  readonly from: number
  readonly to: number
  /** From the last write's commit until the new home may write. */
  readonly ms: number
}

/** The router's own bound is ten; here nobody guesses wrong, so a home is found at once. */
const decisionsMax = 3

export class Homes implements Strategy {
  readonly tally: Tally
  moves = 0
  readonly #options: HomesOptions
  readonly #traffic: Traffic
  readonly #indexes: ReadonlyMap<string, number>
  readonly #topologies: readonly Topology[]
  readonly #intents: readonly Intent[]

  constructor(options: HomesOptions) {
    this.#options = options
    const { byNearness, regions } = options.geography
    this.tally = new Tally(regions.length)
    this.#traffic = new Traffic(this.tally, regions.length, options.parameters)
    this.#indexes = new Map(regions.map(({ id }, index) => [id, index]))
    this.#topologies = regions.map(({ id }, index) => ({
      self: id,
      byNearness: (byNearness[index] ?? []).map(other => this.#id(other)),
      reachable: () => true,
      passes: () => true,
    }))
    this.#intents = regions.map(({ id }) => ({
      ...{ kind: 'write', creates: true, consistency: 'session', hint: id, behind: false },
    }))
  }

  live({ group, stays }: Trace): void {
    const { geography, parameters } = this.#options
    let home: number | undefined
    let run: Run | undefined
    let before: Write | undefined
    let move: Move | undefined
    for (const write of stays.flatMap(({ writes }) => writes)) {
      const { accessMs } = geography.city(write.city)
      const waitMs = move && before ? this.#waitMs(move, before, write) : 0
      const executed: Executed = this.#execute(write.entry, group, move?.to ?? home)
      const ms = accessMs + waitMs + executed.ms
      this.tally.write(write.entry, ms)
      if (before === undefined) this.tally.firstWrite(ms)
      this.#traffic.replicate(executed.home)
      home = executed.home
      run = continueRun(run, write.entry)
      move =
        this.#options.rehomes && shouldMove(run, home, parameters.rehomeAfter)
          ? this.#move(home, write.entry, group)
          : undefined
      before = write
    }
  }

  /** Follows the decisions as the router does. Every region has a copy that knows the home. */
  #execute(entry: number, group: string, known: number | undefined): Executed {
    const { geography, dataset, parameters } = this.#options
    const [intent, topology] = [this.#intents[entry], this.#topologies[entry]]
    assert(intent && topology, 'writes enter through a region')
    let knowledge: Knowledge = { kind: 'unasked' }
    let home = known
    let ms = 0
    for (let n = 0; n < decisionsMax; n++) {
      const decision = decide(intent, dataset.placement, group, knowledge, topology)
      assert(
        decision.action === 'execute' || decision.action === 'forward',
        `nothing stands in a write's way: ${decision.action}`,
      )
      const region = decision.action === 'forward' ? this.#index(decision.region) : entry
      ms += geography.rttMs(entry, region)
      this.#traffic.forward(entry, region)
      if (home === undefined && decision.as === 'candidate') ms += this.#claim(region, group)
      home ??= region
      if (home === region) return { home, ms: ms + parameters.commitMs }
      knowledge = { kind: 'home', region: this.#id(home), term: 1 }
    }
    assert(false, 'a write finds its home')
  }

  /** A trip to the registrar, which syncs the entry. Returns its time. */
  #claim(candidate: number, group: string): number {
    const { geography, dataset, parameters } = this.#options
    const registrar = this.#index(dataset.registrarOf(group))
    this.#traffic.ask(candidate, registrar)
    return geography.rttMs(candidate, registrar) + parameters.commitMs
  }

  /** Stop and marker are synced, reach the new home, are synced there; it asks the registrar. */
  #move(from: number, to: number, group: string): Move {
    const { geography, parameters } = this.#options
    this.moves += 1
    this.#traffic.mark(from)
    const markedMs = parameters.commitMs + geography.rttMs(from, to) / 2 + parameters.commitMs
    return { from, to, ms: markedMs + this.#claim(to, group) }
  }

  /** How long a write waits that arrives while its group moves. */
  #waitMs(move: Move, before: Write, { city, thinkMs }: Write): number {
    const { geography } = this.#options
    const replyMs = geography.rttMs(move.from, before.entry) / 2
    const accessMs = (geography.city(before.city).accessMs + geography.city(city).accessMs) / 2
    return Math.max(0, move.ms - (replyMs + accessMs + thinkMs))
  }

  #index(id: string): number {
    const index = this.#indexes.get(id)
    assert(index !== undefined, `region ${id} is one of the planet's`)
    return index
  }

  #id(index: number): string {
    return this.#options.geography.regions[index]?.id as string
  }
}
