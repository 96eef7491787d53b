/**
 * The follower's side of the feeds of one source region, as a state machine: events in, effects out.
 * It outlives the streams: each new one begins with `onOpen`, which follows from what is durable.
 */
import { limits } from '../model/limits.ts'
import type { FeedNumber, Position } from '../model/position.ts'
import type { Slot } from '../model/slot.ts'
import type { ApplyReply } from './apply.ts'
import { StreamFreshness } from './freshness.ts'
import type { FeedChunk, FromFollower, FromSource, ReplaceChunk } from './messages.ts'

export type FollowerEffect =
  | { readonly kind: 'send'; readonly message: FromFollower }
  /** Answer with `onApplied`. */
  | { readonly kind: 'apply'; readonly chunk: FeedChunk | ReplaceChunk }
  /** Read this region's states of the source's feed; answer with `onStates`. */
  | { readonly kind: 'readStates'; readonly dataset: string }
  /** The source sent what this region may not store: drop the stream, count, alarm. */
  | { readonly kind: 'violation'; readonly dataset: string }

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

export class Follower {
  readonly freshness = new StreamFreshness()
  readonly #options: FollowerOptions
  readonly #complete = new Map<string, Position>()
  /** Datasets whose `following` has not come yet on this stream. */
  readonly #pending = new Set<string>()
  #open = false
  #poll = 0
  readonly #pollsSentAtMs = new Map<number, number>()

  constructor(options: FollowerOptions) {
    this.#options = options
  }

  onOpen(): FollowerEffect[] {
    this.#open = true
    this.#pollsSentAtMs.clear()
    return this.#options.datasets.map(dataset => this.#follow(dataset))
  }

  onClose(): void {
    this.#open = false
  }

  #follow(dataset: string): FollowerEffect {
    this.#pending.add(dataset)
    return { kind: 'readStates', dataset }
  }

  onStates(dataset: string, states: ReadonlyMap<Slot, SlotState>): FollowerEffect[] {
    if (!this.#open) return []
    const positions: { slot: Slot; position: Position | null }[] = []
    for (let slot = 0; slot < this.#options.slots(dataset); slot++) {
      const state = states.get(slot)
      this.#complete.set(nameOf(dataset, slot), state?.complete ?? 0)
      positions.push({ slot, position: state?.replacing ? null : (state?.end ?? 0) })
    }
    return [send({ type: 'follow', dataset, positions })]
  }

  onMessage(message: FromSource): FollowerEffect[] {
    switch (message.type) {
      case 'following':
        this.#pending.delete(message.dataset)
        return []
      case 'chunk':
      case 'replace':
        return this.#onChunk(message)
      case 'polled': {
        const sentAtMs = this.#pollsSentAtMs.get(message.id)
        this.#pollsSentAtMs.delete(message.id)
        if (sentAtMs !== undefined) {
          const complete = (dataset: string, slot: Slot): Position =>
            this.#complete.get(nameOf(dataset, slot)) ?? 0
          this.freshness.onPolled(sentAtMs, message.behind, complete)
        }
        return []
      }
    }
  }

  #onChunk(chunk: FeedChunk | ReplaceChunk): FollowerEffect[] {
    const { dataset } = chunk
    const expected = this.#options.datasets.includes(dataset) && chunk.feed === this.#options.feed
    if (!expected || !this.#options.mayStore(dataset)) return [{ kind: 'violation', dataset }]
    return [{ kind: 'apply', chunk }]
  }

  /** A chunk has been applied durably, or did not fit. */
  onApplied(chunk: FeedChunk | ReplaceChunk, reply: ApplyReply): FollowerEffect[] {
    const { dataset, slot, bytes } = chunk
    if (reply.kind === 'gap') {
      if (!this.#open || this.#pending.has(dataset)) return []
      return [this.#follow(dataset)]
    }
    this.#complete.set(nameOf(dataset, slot), reply.complete)
    this.freshness.onProgress(dataset, slot, reply.complete)
    if (!this.#open) return []
    return [send({ type: 'ack', dataset, slot, position: reply.end, bytes })]
  }

  /** Once a second. Polls only when the source knows all positions, so that its answer counts. */
  onTick(nowMs: number): FollowerEffect[] {
    if (!this.#open || this.#pending.size > 0) return []
    if (this.#pollsSentAtMs.size >= limits.pollsInFlightMax) return []
    this.#poll += 1
    this.#pollsSentAtMs.set(this.#poll, nowMs)
    return [send({ type: 'poll', id: this.#poll })]
  }
}

const send = (message: FromFollower): FollowerEffect => ({ kind: 'send', message })
const nameOf = (dataset: string, slot: Slot): string => `${slot} ${dataset}`
