/**
 * One leader for everything: what most stores are deployed as. Clients speak to it themselves, by
 * the shortest way, and it is the region that serves them best of all. It needs no claim, and every
 * region gets a copy, as in the other strategies.
 */
import type { Geography } from './geography.ts'
import type { PlanetParameters } from './parameters.ts'
import { Tally } from './tally.ts'
import { Traffic } from './traffic.ts'

export interface Leader {
  readonly leader: number
  readonly tally: Tally
}

/** By city: how many writes are made there, and how many of them are the first to their group. */
export interface Demand {
  readonly writes: readonly number[]
  readonly firstWrites: readonly number[]
}

/** One global primary, which answers once the write is on its own disk. */
export const globalPrimary = (
  demand: Demand,
  geography: Geography,
  parameters: PlanetParameters,
): Leader => lead(demand, geography, parameters, () => 0)

/**
 * Every region votes, and the leader answers once more than half of all have the write on disk: it
 * waits for the nearest regions that make it a majority.
 */
export const majorityQuorum = (
  demand: Demand,
  geography: Geography,
  parameters: PlanetParameters,
): Leader => {
  const others = Math.floor(geography.regions.length / 2)
  return lead(demand, geography, parameters, leader => {
    const rttsMs = geography.regions.map((_, region) => geography.rttMs(leader, region))
    return rttsMs.sort((a, b) => a - b)[others] as number
  })
}

/** The leader with the least mean; `agreeMs` is what it waits for others, by leader. */
function lead(
  { writes, firstWrites }: Demand,
  geography: Geography,
  parameters: PlanetParameters,
  agreeMs: (leader: number) => number,
): Leader {
  const waitsMs = geography.regions.map((_, leader) => agreeMs(leader))
  const timeMs = (city: number, leader: number): number =>
    geography.directMs(city, leader) + (waitsMs[leader] as number) + parameters.commitMs
  const sums = geography.regions.map((_, leader) =>
    writes.reduce((sum, count, city) => sum + (count && count * timeMs(city, leader)), 0),
  )
  const leader = sums.indexOf(Math.min(...sums))
  const tally = new Tally(geography.regions.length)
  writes.forEach((count, city) => {
    if (count > 0) tally.write(geography.city(city).entry, timeMs(city, leader), count)
  })
  firstWrites.forEach((count, city) => {
    if (count > 0) tally.firstWrite(timeMs(city, leader), count)
  })
  const total = writes.reduce((sum, count) => sum + count, 0)
  new Traffic(tally, geography.regions.length, parameters).replicate(leader, total)
  return { leader, tally }
}
