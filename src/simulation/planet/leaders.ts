/**
 * One leader for everything: what most stores are deployed as. Clients speak to it themselves, by
 * the shortest way, and it is the region that serves them best of all. It needs no claim, and every
 * region gets a copy, as in the other strategies.
 */
import type { Demand } from './demand.ts'
import type { Geography } from './geography.ts'
import type { PlanetParameters } from './parameters.ts'
import { Tally } from './tally.ts'
import { Traffic } from './traffic.ts'

export interface Leader {
  readonly leader: number
  readonly tally: Tally
}

export interface LeaderMean {
  readonly leader: number
  /** Of all writes, from a device and back. */
  readonly meanMs: number
}

export class Leaders {
  readonly #demand: Demand
  readonly #geography: Geography
  readonly #parameters: PlanetParameters

  constructor(demand: Demand, geography: Geography, parameters: PlanetParameters) {
    this.#demand = demand
    this.#geography = geography
    this.#parameters = parameters
  }

  /** One global primary, which answers once the write is on its own disk. */
  globalPrimary(): Leader {
    return this.#play(this.#best(alone), alone)
  }

  /** What it would be elsewhere, the best first. */
  globalPrimaries(): readonly LeaderMean[] {
    return this.#means(alone).sort((a, b) => a.meanMs - b.meanMs)
  }

  /**
   * Every region votes, and the leader answers once more than half of all have the write on disk:
   * it waits for the nearest regions that make it a majority.
   */
  majorityQuorum(): Leader {
    const { regions } = this.#geography
    const others = Math.floor(regions.length / 2)
    const agreeMs = regions.map((_, leader) => {
      const rttsMs = regions.map((_, region) => this.#geography.rttMs(leader, region))
      return rttsMs.sort((a, b) => a - b)[others] as number
    })
    const waitMs: WaitMs = leader => agreeMs[leader] as number
    return this.#play(this.#best(waitMs), waitMs)
  }

  #timeMs(city: number, leader: number, waitMs: WaitMs): number {
    return this.#geography.directMs(city, leader) + waitMs(leader) + this.#parameters.commitMs
  }

  #means(waitMs: WaitMs): LeaderMean[] {
    const { writes } = this.#demand
    return this.#geography.regions.map((_, leader) => {
      const sumMs = writes.reduce(
        (sum, count, city) => sum + (count && count * this.#timeMs(city, leader, waitMs)),
        0,
      )
      return { leader, meanMs: sumMs / total(writes) }
    })
  }

  #best(waitMs: WaitMs): number {
    return this.#means(waitMs).reduce((best, one) => (one.meanMs < best.meanMs ? one : best)).leader
  }

  #play(leader: number, waitMs: WaitMs): Leader {
    const { writes, firstWrites } = this.#demand
    const tally = new Tally(this.#geography.regions.length)
    writes.forEach((count, city) => {
      if (count === 0) return
      tally.write(this.#geography.city(city).entry, this.#timeMs(city, leader, waitMs), count)
    })
    firstWrites.forEach((count, city) => {
      if (count > 0) tally.firstWrite(this.#timeMs(city, leader, waitMs), count)
    })
    const traffic = new Traffic(tally, this.#geography.regions.length, this.#parameters)
    traffic.replicate(leader, total(writes))
    return { leader, tally }
  }
}

/** What a leader waits for others before it answers. */
type WaitMs = (leader: number) => number
const alone: WaitMs = () => 0

const total = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0)
