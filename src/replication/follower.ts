/**
 * The follower's side of the feeds of one source region, as a state machine: events in, effects
 * out. It outlives the streams: each new one begins with `onOpen`, which follows from what is
 * durable.
 *
 * What is durable is only known once nothing is being applied. So a dataset is followed (again) in
 * three steps: chunks that come are thrown away, and those that are being applied come to their
 * end; then this region's states are read and sent; then the source says from where on its chunks
 * are meant for this time. Without the first step a chunk of the last time, applied after the
 * states were read, would open the next gap, and so on.
 */
import { assert } from '../model/assert.ts'
import { limits } from '../model/limits.ts'
import { type FeedNumber, type Position, positionsBetween } from '../model/position.ts'
import type { Slot } from '../model/slot.ts'
import type { ApplyReply } from './apply.ts'
import type { EverywherePoint } from './complete-everywhere.ts'
import type { FeedAge, SourceAges } from './copy-ages.ts'
import { StreamFreshness } from './freshness.ts'
import type { Behind, FeedChunk, FromFollower, FromSource, ReplaceChunk } from './messages.ts'

export type FollowerEffect =
  | { readonly kind: 'send'; readonly message: FromFollower }
  /** Answer with `onApplied` or `onFailed`, whatever has become of the stream. */
  | { readonly kind: 'apply'; readonly chunk: FeedChunk | ReplaceChunk }
  /** Read this region's states of the source's feed; answer with `onStates`. */
  | { readonly kind: 'readStates'; readonly dataset: string }
  /** The source sent what this region may not store: drop the stream, count, alarm. */
  | { readonly kind: 'violation'; readonly dataset: string }
  /** More is known of how old this region's copies are. */
  | ({ readonly kind: 'aged' } & KnownAges)

type KnownAges =
  | { readonly of: 'source'; readonly ages: SourceAges }
  | { readonly of: 'feed'; readonly age: FeedAge }
  | {
      readonly of: 'everywhere'
      readonly feed: FeedNumber
      readonly points: readonly EverywherePoint[]
    }

interface SlotState {
  readonly end: Position
  readonly complete: Position
  readonly replacing: boolean
}

export interface FollowerOptions {
  /** The source's feed number. */
  readonly feed: FeedNumber
  /** Datasets that both ends may store. */
  readonly datasets: readonly string[]
  readonly mayStore: (dataset: string) => boolean
  /** Slots of a dataset. */
  readonly slots: (dataset: string) => number
}

interface DatasetState {
  /**
   * `settling` until nothing is being applied, `asking` until the source answers `following`; only
   * then chunks count. `idle`: there is no stream.
   */
  phase: 'idle' | 'settling' | 'asking' | 'following'
  /** Chunks that are being applied, those of earlier streams among them. */
  applying: number
}

export class Follower {
  readonly freshness = new StreamFreshness()
  readonly #options: FollowerOptions
  readonly #complete = new Map<string, Position>()
  readonly #datasets: ReadonlyMap<string, DatasetState>
  #poll = 0
  readonly #pollsSentAtMs = new Map<number, number>()
  /** What the last answer to a poll listed. */
  #behind: readonly Behind[] = []

  constructor(options: FollowerOptions) {
    this.#options = options
    this.#datasets = new Map(
      options.datasets.map(dataset => [dataset, { phase: 'idle', applying: 0 }]),
    )
  }

  onOpen(): FollowerEffect[] {
    this.#pollsSentAtMs.clear()
    return [...this.#datasets].flatMap(([dataset, state]) => this.#restart(dataset, state))
  }

  onClose(): void {
    for (const state of this.#datasets.values()) state.phase = 'idle'
  }

  #restart(dataset: string, state: DatasetState): FollowerEffect[] {
    state.phase = 'settling'
    return this.#settle(dataset, state)
  }

  #settle(dataset: string, state: DatasetState): FollowerEffect[] {
    if (state.phase !== 'settling' || state.applying > 0) return []
    state.phase = 'asking'
    return [{ kind: 'readStates', dataset }]
  }

  onStates(dataset: string, states: ReadonlyMap<Slot, SlotState>): FollowerEffect[] {
    if (this.#datasets.get(dataset)?.phase !== 'asking') return []
    const positions: Extract<FromFollower, { type: 'follow' }>['positions'] = []
    const aged: FollowerEffect[] = []
    for (let slot = 0; slot < this.#options.slots(dataset); slot++) {
      const state = states.get(slot)
      const complete = state?.complete ?? 0
      aged.push(...this.#progress(dataset, slot, complete))
      positions.push({ slot, position: state?.replacing ? null : (state?.end ?? 0), complete })
    }
    return [...aged, send({ type: 'follow', dataset, positions })]
  }

  onMessage(message: FromSource): FollowerEffect[] {
    switch (message.type) {
      case 'following': {
        const state = this.#datasets.get(message.dataset)
        if (state?.phase === 'asking') state.phase = 'following'
        return []
      }
      case 'chunk':
      case 'replace':
        return this.#onChunk(message)
      case 'polled': {
        const sentAtMs = this.#pollsSentAtMs.get(message.id)
        this.#pollsSentAtMs.delete(message.id)
        const everywhere = this.#everywhere(message.everywhere)
        if (sentAtMs === undefined) return everywhere
        const complete = (dataset: string, slot: Slot): Position =>
          this.#complete.get(nameOf(dataset, slot)) ?? 0
        this.#behind = message.behind
        this.freshness.onPolled(sentAtMs, message.behind, complete)
        return [{ kind: 'aged', of: 'source', ages: this.freshness.ages() }, ...everywhere]
      }
    }
  }

  #everywhere(points: readonly EverywherePoint[] = []): FollowerEffect[] {
    const { feed, mayStore } = this.#options
    const known = points.filter(({ dataset }) => mayStore(dataset))
    return known.length === 0 ? [] : [{ kind: 'aged', of: 'everywhere', feed, points: known }]
  }

  #onChunk(chunk: FeedChunk | ReplaceChunk): FollowerEffect[] {
    const { dataset } = chunk
    const state = this.#datasets.get(dataset)
    const expected = state !== undefined && chunk.feed === this.#options.feed
    if (!expected || !this.#options.mayStore(dataset)) return [{ kind: 'violation', dataset }]
    if (state.phase !== 'following') return []
    state.applying += 1
    return [{ kind: 'apply', chunk }]
  }

  /** A chunk has been applied durably, or did not fit. */
  onApplied(chunk: FeedChunk | ReplaceChunk, reply: ApplyReply): FollowerEffect[] {
    const { dataset, slot, bytes } = chunk
    const state = this.#applied(dataset)
    const following = state.phase === 'following'
    if (reply.kind === 'gap') {
      return following ? this.#restart(dataset, state) : this.#settle(dataset, state)
    }
    const { end: position, complete } = reply
    const aged = this.#progress(dataset, slot, complete)
    const goOn = following
      ? [send({ type: 'ack', dataset, slot, position, complete, bytes })]
      : this.#settle(dataset, state)
    return [...aged, ...goOn]
  }

  /** A chunk could not be applied: the stream is to be closed. */
  onFailed({ dataset }: FeedChunk | ReplaceChunk): FollowerEffect[] {
    return this.#settle(dataset, this.#applied(dataset))
  }

  #applied(dataset: string): DatasetState {
    const state = this.#datasets.get(dataset)
    assert(state && state.applying > 0, 'what was applied was being applied')
    state.applying -= 1
    return state
  }

  #progress(dataset: string, slot: Slot, complete: Position): FollowerEffect[] {
    this.#complete.set(nameOf(dataset, slot), complete)
    const age = this.freshness.onProgress(dataset, slot, complete)
    return age ? [{ kind: 'aged', of: 'feed', age }] : []
  }

  /** By dataset, how many changes the last answer to a poll named that are not applied yet. */
  lags(): ReadonlyMap<string, number> {
    const lags = new Map(this.#options.datasets.map(dataset => [dataset, 0]))
    for (const { dataset, slot, end } of this.#behind) {
      const complete = this.#complete.get(nameOf(dataset, slot)) ?? 0
      lags.set(dataset, (lags.get(dataset) ?? 0) + positionsBetween(complete, end))
    }
    return lags
  }

  /** Once a second. Polls only when the source knows all positions, so that its answer counts. */
  onTick(nowMs: number): FollowerEffect[] {
    for (const { phase } of this.#datasets.values()) if (phase !== 'following') return []
    if (this.#pollsSentAtMs.size >= limits.pollsInFlightMax) return []
    this.#poll += 1
    this.#pollsSentAtMs.set(this.#poll, nowMs)
    return [send({ type: 'poll', id: this.#poll })]
  }
}

const send = (message: FromFollower): FollowerEffect => ({ kind: 'send', message })
const nameOf = (dataset: string, slot: Slot): string => `${slot} ${dataset}`
