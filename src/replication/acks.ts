/**
 * Which writes are on disk in how many regions, as a state machine: events in, effects out. It
 * hears how far each follower of this region's feeds is durably complete, and settles the writes
 * that wait for a number of regions.
 *
 * Invariant D at level n: a write is settled as reached only when n regions that may store it, this
 * one included, have it, or a later change of the same key, on disk. Three things keep that true:
 * - Only *complete* cursors count. A follower in the middle of a range has changes on disk that lie
 *   past one that it lacks.
 * - A follower counts by what it has said on the stream that stands. Its cursors are forgotten with
 *   the stream: it may have been put back to an older backup since, or have lost its disk.
 * - Positions are never handed out twice (their generation says of which run they are), so what a
 *   follower said to an earlier process of this region names the same changes.
 */
import { timing } from '../model/limits.ts'
import type { Position } from '../model/position.ts'
import type { RegionId, Slot } from '../model/slot.ts'

export interface AwaitedWrite {
  readonly dataset: string
  readonly slot: Slot
  /** In this region's own feed. */
  readonly position: Position
  /** That have to have it, this one included. */
  readonly regions: number
}

export interface AckEffect {
  readonly kind: 'settle'
  readonly id: number
  /** That have it, this one included: as many as were asked for, or fewer when time was over. */
  readonly regions: number
}

interface Waiting extends AwaitedWrite {
  readonly id: number
  readonly dueMs: number
}

export class Acks {
  /** By dataset and slot, then by the region that follows. */
  readonly #cursors = new Map<string, Map<RegionId, Position>>()
  /** By id, in the order in which they come due: each waits for the same time. */
  readonly #waiting = new Map<number, Waiting>()
  /** By dataset and slot. */
  readonly #waitingOf = new Map<string, Set<Waiting>>()
  #nextId = 1

  /** When the next write comes due; undefined where none waits. */
  get dueMs(): number | undefined {
    return this.#waiting.values().next().value?.dueMs
  }

  /** A write has become durable here. Returns its id, under which it is settled, maybe at once. */
  onWrite(write: AwaitedWrite, nowMs: number): { readonly id: number; effects: AckEffect[] } {
    const id = this.#nextId++
    const waiting = { ...write, id, dueMs: nowMs + timing.acksWaitMaxMs }
    const name = nameOf(write)
    const ofSlot = this.#waitingOf.get(name) ?? new Set()
    this.#waiting.set(id, waiting)
    this.#waitingOf.set(name, ofSlot.add(waiting))
    return { id, effects: this.#settle([waiting]) }
  }

  /**
   * A follower is durably complete up to a position of this region's feed: on a stream that begins,
   * it may stand before where it stood.
   */
  onComplete(
    region: RegionId,
    at: { readonly dataset: string; readonly slot: Slot },
    complete: Position,
  ): AckEffect[] {
    const name = nameOf(at)
    const cursors = this.#cursors.get(name) ?? new Map()
    this.#cursors.set(name, cursors.set(region, complete))
    return this.#settle(this.#waitingOf.get(name) ?? [])
  }

  /** The stream of a follower has ended: what it has is not known any more. */
  onLost(region: RegionId): void {
    for (const cursors of this.#cursors.values()) cursors.delete(region)
  }

  /** Time has passed. */
  onTime(nowMs: number): AckEffect[] {
    const due: Waiting[] = []
    for (const waiting of this.#waiting.values()) {
      if (waiting.dueMs > nowMs) break
      due.push(waiting)
    }
    return due.map(waiting => this.#end(waiting, this.#regionsWith(waiting)))
  }

  /** Nothing more is awaited. */
  onStop(): AckEffect[] {
    return [...this.#waiting.values()].map(it => this.#end(it, this.#regionsWith(it)))
  }

  #settle(candidates: Iterable<Waiting>): AckEffect[] {
    const effects: AckEffect[] = []
    for (const waiting of candidates) {
      const regions = this.#regionsWith(waiting)
      if (regions >= waiting.regions) effects.push(this.#end(waiting, regions))
    }
    return effects
  }

  #regionsWith(write: AwaitedWrite): number {
    let regions = 1
    for (const complete of this.#cursors.get(nameOf(write))?.values() ?? []) {
      if (complete >= write.position) regions += 1
    }
    return regions
  }

  #end(waiting: Waiting, regions: number): AckEffect {
    const name = nameOf(waiting)
    const ofSlot = this.#waitingOf.get(name)
    this.#waiting.delete(waiting.id)
    ofSlot?.delete(waiting)
    if (ofSlot?.size === 0) this.#waitingOf.delete(name)
    return { kind: 'settle', id: waiting.id, regions }
  }
}

const nameOf = ({ dataset, slot }: { readonly dataset: string; readonly slot: Slot }): string =>
  `${slot} ${dataset}`
