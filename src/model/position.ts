/**
 * Feeds, generations, positions.
 *
 * A *feed* is the sequence of changes of one (dataset, slot) made by one home. Its number is
 * `region number × 2¹⁶ + opening`: the region that opened it and which of its feeds this is. Region
 * numbers and openings come from coordination and are never reused, so feed numbers are not either.
 *
 * A *position* is `generation × 2³² + n`: one JS-safe integer below 2⁵³. The generation goes up at
 * the first write after each start of the host, so that positions handed out by a process that lost
 * its memory can never be handed out again.
 */
import { assert } from './assert.ts'

export type FeedNumber = number
export type Position = number

const GENERATION_UNIT = 2 ** 32
const GENERATION_MAX = 2 ** 21 - 1
const OPENING_UNIT = 2 ** 16

export const feedNumber = (regionNumber: number, opening: number): FeedNumber => {
  assert(Number.isInteger(regionNumber) && regionNumber > 0 && regionNumber < 2 ** 16, 'region no.')
  assert(Number.isInteger(opening) && opening > 0 && opening < OPENING_UNIT, 'feed opening')
  return regionNumber * OPENING_UNIT + opening
}

/** The number of the region that opened a feed. */
export const feedRegionNumber = (feed: FeedNumber): number => Math.floor(feed / OPENING_UNIT)

/** The first position of a generation: no change ever has it, so it means "nothing yet". */
export const generationStart = (generation: number): Position => {
  assert(generation >= 0 && generation <= GENERATION_MAX, `generation ${generation} out of range`)
  return generation * GENERATION_UNIT
}

export const generationOf = (position: Position): number => Math.floor(position / GENERATION_UNIT)

/** The position after `position`, in the same generation. */
export const nextPosition = (position: Position): Position => {
  assert((position + 1) % GENERATION_UNIT !== 0, 'a generation holds 2^32 - 1 changes')
  return position + 1
}

/** How many changes lie after one position, up to another; at least, over several generations. */
export const positionsBetween = (from: Position, to: Position): number =>
  Math.max(0, generationOf(from) === generationOf(to) ? to - from : to % GENERATION_UNIT)

export const isPosition = (value: unknown): value is Position =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
