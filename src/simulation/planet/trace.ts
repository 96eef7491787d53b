/** The writes to one group in its life: by its owner, at home and on a trip, and by others. */
import type { Chance } from './chance.ts'
import type { Geography } from './geography.ts'
import type { PlanetParameters } from './parameters.ts'

export interface Write {
  /** Where the person is who writes. */
  readonly city: number
  /** The region through which the write enters. */
  readonly entry: number
  /** Time since the reply to the write before, in ms; infinite at the start of a session. */
  readonly thinkMs: number
}

/** A time in which the group's owner is in one place. */
export interface Stay {
  readonly city: number
  readonly writes: readonly Write[]
}

/** The life of one group: its stays in order, none of them without a write. */
export interface Trace {
  readonly group: string
  /** The city where its owner lives. */
  readonly home: number
  readonly stays: readonly Stay[]
}

/** The trace of the n-th user. */
export function traceOf(
  user: number,
  geography: Geography,
  parameters: PlanetParameters,
  chance: Chance,
): Trace {
  const home = geography.anyCity(chance)
  const lengths = sessionLengths(parameters, chance)
  const trip = tripOf(home, lengths.length, geography, parameters, chance)
  const stays: { city: number; writes: Write[] }[] = []
  lengths.forEach((length, n) => {
    const isAway = trip !== undefined && n >= trip.begin && n < trip.end
    const owner = isAway ? trip.city : home
    const isOwners = chance.happens(parameters.locality)
    const writer = isOwners ? owner : geography.anyCityElsewhere(owner, chance)
    if (stays.at(-1)?.city !== owner) stays.push({ city: owner, writes: [] })
    stays.at(-1)?.writes.push(...session(writer, length, geography, parameters, chance))
  })
  return { group: `u${user}`, home, stays }
}

/** The writes of each session; they add up to what is drawn for the group. */
function sessionLengths(parameters: PlanetParameters, chance: Chance): readonly number[] {
  const { writesPerGroupMean, sessionWritesMean } = parameters
  const lengths: number[] = []
  let left = chance.geometric(writesPerGroupMean)
  while (left > 0) {
    const length = Math.min(left, chance.geometric(sessionWritesMean))
    lengths.push(length)
    left -= length
  }
  return lengths
}

interface Trip {
  readonly city: number
  /** The first session of the trip, and the first after it. */
  readonly begin: number
  readonly end: number
}

/** One trip at any time of the group's life, which may begin or end with it; or none. */
function tripOf(
  home: number,
  sessions: number,
  geography: Geography,
  { travellers, tripSessionsMin, tripSessionsMax }: PlanetParameters,
  chance: Chance,
): Trip | undefined {
  if (!chance.happens(travellers)) return undefined
  const begin = chance.integer(0, sessions - 1)
  const end = begin + chance.integer(tripSessionsMin, tripSessionsMax)
  return { city: geography.anyCityElsewhere(home, chance), begin, end }
}

const session = (
  city: number,
  length: number,
  geography: Geography,
  { thinkMsMean }: PlanetParameters,
  chance: Chance,
): readonly Write[] =>
  Array.from({ length }, (_, n) => ({
    city,
    entry: geography.city(city).entry,
    thinkMs: n === 0 ? Number.POSITIVE_INFINITY : chance.exponential(thinkMsMean),
  }))
