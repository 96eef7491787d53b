/**
 * The source's side of one feeds stream, as a state machine: events in, effects out. It knows, per
 * dataset and slot, where this region's feed ends, what was sent and what the follower has made
 * durable; it reads ahead only within the dataset's credit, and takes slots and datasets in turn.
 */
import { assert } from '../model/assert.ts'
import { limits } from '../model/limits.ts'
import type { Position } from '../model/position.ts'
import type { Slot } from '../model/slot.ts'
import type { Behind, FromFollower, FromSource } from './messages.ts'
import type { SlotChunk, SnapshotPart } from './read-feeds.ts'

export type SenderEffect =
  | { readonly kind: 'send'; readonly message: FromSource }
  /** Read the ends of this region's feeds of a dataset; answer with `onEnds`. */
  | { readonly kind: 'readEnds'; readonly dataset: string }
  /** Answer with `onChunks`. */
  | {
      readonly kind: 'readChunks'
      readonly dataset: string
      readonly requests: readonly { readonly slot: Slot; readonly after: Position }[]
      readonly bytesMax: number
    }
  /** Answer with `onSnapshotPart`. */
  | {
      readonly kind: 'readSnapshot'
      readonly dataset: string
      readonly slot: Slot
      readonly from: string | null
    }
  /** The follower asked for what it may not have: drop the stream, count, alarm. */
  | { readonly kind: 'violation'; readonly dataset: string }

interface SlotState {
  end: Position
  sent: Position
  acked: Position
  /** A replacing snapshot runs; what was sent before it does not count. */
  replacing: boolean
}

interface DatasetState {
  readonly slots: Map<Slot, SlotState>
  /** Slots with changes that have not been sent, in turn. */
  readonly waiting: Set<Slot>
  /** Slots that need a replacing snapshot, in turn. */
  readonly stale: Set<Slot>
  readonly cursors: Map<Slot, SnapshotPart['cursors']>
  outstandingBytes: number
  reading: boolean
  /** Ends are known, so growth can be added. */
  following: boolean
  positions: readonly { readonly slot: Slot; readonly position: Position | null }[]
}

/** Slots in one read. */
const SLOTS_PER_READ_MAX = 64

export class FeedSender {
  readonly #datasets = new Map<string, DatasetState>()
  readonly #mayShare: (dataset: string) => boolean

  /** `mayShare`: both ends of the stream may store the dataset, under the policies in force. */
  constructor(mayShare: (dataset: string) => boolean) {
    this.#mayShare = mayShare
  }

  onMessage(message: FromFollower): SenderEffect[] {
    switch (message.type) {
      case 'follow':
        return this.#onFollow(message.dataset, message.positions)
      case 'ack':
        return this.#onAck(message.dataset, message.slot, message.position, message.bytes)
      case 'poll':
        return [send({ type: 'polled', id: message.id, behind: this.#behind() })]
    }
  }

  #onFollow(dataset: string, positions: DatasetState['positions']): SenderEffect[] {
    if (!this.#mayShare(dataset)) return [{ kind: 'violation', dataset }]
    this.#datasets.set(dataset, {
      slots: new Map(),
      waiting: new Set(),
      stale: new Set(),
      cursors: new Map(),
      outstandingBytes: 0,
      reading: false,
      following: false,
      positions,
    })
    return [{ kind: 'readEnds', dataset }]
  }

  /** The ends of this region's feeds, of all slots of the dataset that have one. */
  onEnds(
    dataset: string,
    ends: readonly { readonly slot: Slot; readonly end: Position }[],
  ): SenderEffect[] {
    const state = this.#datasets.get(dataset)
    if (!state || state.following) return []
    state.following = true
    for (const { slot, position } of state.positions) {
      const at = position ?? 0
      state.slots.set(slot, { end: at, sent: at, acked: at, replacing: false })
      if (position === null) state.stale.add(slot)
    }
    for (const { slot, end } of ends) this.#grow(state, slot, end)
    // A follower that is past this feed's end holds what the host has lost: let the read find out.
    for (const [slot, { sent }] of state.slots) {
      const end = ends.find(one => one.slot === slot)?.end ?? 0
      if (sent > end) state.waiting.add(slot)
    }
    return [send({ type: 'following', dataset }), ...this.#pump(dataset, state)]
  }

  onGrowth(
    dataset: string,
    ends: readonly { readonly slot: Slot; readonly end: Position }[],
  ): SenderEffect[] {
    const state = this.#datasets.get(dataset)
    if (!state?.following) return []
    for (const { slot, end } of ends) this.#grow(state, slot, end)
    return this.#pump(dataset, state)
  }

  #grow(state: DatasetState, slot: Slot, end: Position): void {
    const known = state.slots.get(slot) ?? { end: 0, sent: 0, acked: 0, replacing: false }
    state.slots.set(slot, known)
    if (end > known.end) known.end = end
    if (known.end > known.sent && !known.replacing) state.waiting.add(slot)
  }

  onChunks(dataset: string, chunks: readonly SlotChunk[]): SenderEffect[] {
    const state = this.#datasets.get(dataset)
    if (!state?.reading) return []
    state.reading = false
    const effects: SenderEffect[] = []
    for (const chunk of chunks) {
      const slot = state.slots.get(chunk.slot)
      assert(slot, 'chunks are read of slots that are followed')
      if (chunk.kind === 'resync') {
        state.waiting.delete(chunk.slot)
        state.stale.add(chunk.slot)
        continue
      }
      if (slot.sent !== chunk.after || slot.replacing) continue
      const { kind: _, ...body } = chunk
      assert(this.#mayShare(dataset), 'a chunk is sent only where both ends may store it')
      effects.push(send({ type: 'chunk', dataset, ...body }))
      state.outstandingBytes += chunk.bytes
      slot.sent = chunk.to
      state.waiting.delete(chunk.slot)
      if (slot.end > slot.sent || !chunk.complete) state.waiting.add(chunk.slot)
    }
    return [...effects, ...this.#pump(dataset, state)]
  }

  onSnapshotPart(dataset: string, part: SnapshotPart): SenderEffect[] {
    const state = this.#datasets.get(dataset)
    if (!state?.reading) return []
    state.reading = false
    const slot = state.slots.get(part.slot)
    assert(slot, 'snapshots are read of slots that are followed')
    const cursors = part.from === null ? part.cursors : (state.cursors.get(part.slot) ?? [])
    state.cursors.set(part.slot, cursors)
    assert(this.#mayShare(dataset), 'a snapshot is sent only where both ends may store it')
    const message = send({ type: 'replace', dataset, ...part, cursors })
    state.outstandingBytes += part.bytes
    if (part.to !== null) {
      state.reading = true
      return [message, { kind: 'readSnapshot', dataset, slot: part.slot, from: part.to }]
    }
    state.cursors.delete(part.slot)
    slot.replacing = false
    slot.sent = cursors.find(({ feed }) => feed === part.feed)?.position ?? 0
    slot.acked = 0
    if (slot.end > slot.sent) state.waiting.add(part.slot)
    return [message, ...this.#pump(dataset, state)]
  }

  #onAck(dataset: string, slot: Slot, position: Position, bytes: number): SenderEffect[] {
    const state = this.#datasets.get(dataset)
    const known = state?.slots.get(slot)
    if (!state || !known) return []
    known.acked = Math.max(known.acked, position)
    state.outstandingBytes = Math.max(0, state.outstandingBytes - bytes)
    return this.#pump(dataset, state)
  }

  /** What the follower has not acked to the end. A dataset that is not followed yet is all behind. */
  #behind(): Behind[] {
    const behind: Behind[] = []
    for (const [dataset, { slots }] of this.#datasets) {
      for (const [slot, { end, acked, replacing }] of slots) {
        if (acked < end || replacing) behind.push({ dataset, slot, end })
      }
    }
    return behind
  }

  /** Starts the next read of a dataset, if there is something to send and credit to send it. */
  #pump(dataset: string, state: DatasetState): SenderEffect[] {
    const credit = limits.streamCreditBytes - state.outstandingBytes
    if (state.reading || !state.following || credit <= 0) return []
    const [stale] = state.stale
    if (stale !== undefined) {
      state.stale.delete(stale)
      state.waiting.delete(stale)
      state.reading = true
      const slot = state.slots.get(stale)
      assert(slot, 'a stale slot is followed')
      slot.replacing = true
      return [{ kind: 'readSnapshot', dataset, slot: stale, from: null }]
    }
    if (state.waiting.size === 0) return []
    state.reading = true
    const requests = [...state.waiting].slice(0, SLOTS_PER_READ_MAX).map(slot => {
      // To the back of the queue: a busy slot must not starve the others.
      state.waiting.delete(slot)
      state.waiting.add(slot)
      return { slot, after: state.slots.get(slot)?.sent ?? 0 }
    })
    return [{ kind: 'readChunks', dataset, requests, bytesMax: credit }]
  }
}

const send = (message: FromSource): SenderEffect => ({ kind: 'send', message })
