/** The log of a store that is written: two segments, used in turn. */
import type { Random } from '../../runtime/random.ts'
import type { PackedRows } from '../packed-rows.ts'
import { encodeEntry, saltBytes } from './entry.ts'
import { type LogPart, segmentPath } from './log-directory.ts'
import type { Place } from './overlays.ts'
import { Segment } from './segment.ts'

export class Log {
  readonly #segments: readonly Segment[]
  readonly #random: Random

  constructor(directory: string, parts: readonly LogPart[], random: Random) {
    this.#segments = parts
      .toSorted((a, b) => a.place - b.place)
      .map(({ place, header, end }) => new Segment(segmentPath(directory, place), header, end))
    this.#random = random
  }

  /** Makes durable what a killed process wrote and did not sync, before anybody is shown it. */
  async sync(): Promise<void> {
    await Promise.all(this.#segments.map(segment => segment.sync()))
  }

  /** How full a segment is: from 0 to 1 and somewhat more. */
  fullness(place: Place): number {
    return this.#segment(place).fullness
  }

  /** Durable when it resolves. */
  append(place: Place, commitNumber: number, rows: PackedRows): Promise<void> {
    const segment = this.#segment(place)
    return segment.append(encodeEntry(rows, segment.header.salt, commitNumber))
  }

  /** Forgets the entries of a segment: it takes those of the commits after `afterCommit`. */
  recycle(place: Place, afterCommit: number): Promise<void> {
    const sequence = 1 + Math.max(...this.#segments.map(({ header }) => header.sequence))
    const salt = this.#random.bytes(saltBytes)
    return this.#segment(place).recycle({ sequence, afterCommit, salt })
  }

  /** Gives back what the files hold of commits that are in LMDB, where they hold no others. */
  async wipe(): Promise<void> {
    for (const segment of this.#segments) await segment.wipe()
  }

  sizeBytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.sizeBytes, 0)
  }

  async close(): Promise<void> {
    for (const segment of this.#segments) await segment.close()
  }

  #segment(place: Place): Segment {
    return this.#segments[place] as Segment
  }
}
