/**
 * How old a copy may be, without synchronised clocks: a copy of a feed is as new as the moment when
 * this region *sent* the poll whose answer found it caught up, or listed an end that it has reached
 * since. One time serves all feeds of a stream; only those that were behind have their own.
 */
import type { Position } from '../model/position.ts'
import type { Slot } from '../model/slot.ts'
import type { FeedAge, SourceAges } from './copy-ages.ts'
import type { Behind } from './messages.ts'

interface Lagging {
  readonly dataset: string
  readonly slot: Slot
  asOfMs: number | undefined
  /** The first end that was listed and not reached, and when its poll was sent. */
  waiting: { readonly end: Position; readonly sentAtMs: number } | undefined
}

export class StreamFreshness {
  #asOfMs: number | undefined
  readonly #lagging = new Map<string, Lagging>()

  /** A poll that was sent at `sentAtMs` has been answered. */
  onPolled(
    sentAtMs: number,
    behind: readonly Behind[],
    completeAt: (dataset: string, slot: Slot) => Position,
  ): void {
    const before = this.#asOfMs
    const listed = new Set<string>()
    for (const { dataset, slot, end } of behind) {
      const name = nameOf(dataset, slot)
      listed.add(name)
      const lagging = this.#lagging.get(name) ?? {
        ...{ dataset, slot },
        ...{ asOfMs: before, waiting: undefined },
      }
      this.#lagging.set(name, lagging)
      if (completeAt(dataset, slot) >= end) {
        lagging.asOfMs = sentAtMs
        lagging.waiting = undefined
      } else lagging.waiting ??= { end, sentAtMs }
    }
    for (const name of this.#lagging.keys()) if (!listed.has(name)) this.#lagging.delete(name)
    this.#asOfMs = sentAtMs
  }

  /** The copy is durably complete up to `complete`. Returns its age where that makes it fresher. */
  onProgress(dataset: string, slot: Slot, complete: Position): FeedAge | undefined {
    const lagging = this.#lagging.get(nameOf(dataset, slot))
    if (!lagging?.waiting || complete < lagging.waiting.end) return undefined
    lagging.asOfMs = lagging.waiting.sentAtMs
    lagging.waiting = undefined
    return { dataset, slot, asOfMs: lagging.asOfMs }
  }

  ages(): SourceAges {
    const lagging = [...this.#lagging.values()]
    return {
      asOfMs: this.#asOfMs,
      lagging: lagging.map(({ dataset, slot, asOfMs }) => ({ dataset, slot, asOfMs })),
    }
  }

  /** When the copy was last known to have everything; undefined if that was never. */
  asOfMs(dataset: string, slot: Slot): number | undefined {
    const lagging = this.#lagging.get(nameOf(dataset, slot))
    return lagging ? lagging.asOfMs : this.#asOfMs
  }
}

const nameOf = (dataset: string, slot: Slot): string => `${slot} ${dataset}`
