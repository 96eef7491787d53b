/**
 * The source's side of one feeds stream, as a state machine: events in, effects out. It knows, per
 * dataset and slot, where this region's feed ends, what was sent and what the follower has made
 * durable; it reads ahead only within the dataset's credit, and takes slots and datasets in turn.
 *
 * A slot whose next record is damaged here *stalls* before it: other slots go on, and each poll of
 * the follower has it read once more, as the record may have been repaired.
 *
 * A follower may follow a dataset again on the same stream. Each time begins a *round*: what was
 * read for an earlier one is thrown away when it comes.
 */
import { assert } from '../model/assert.ts'
import { limits } from '../model/limits.ts'
import type { Position } from '../model/position.ts'
import type { Slot } from '../model/slot.ts'
import type { Behind, FromFollower, FromSource } from './messages.ts'
import type { SlotChunk } from './read-feeds.ts'
import type { SnapshotPart, StalledSnapshot } from './read-snapshot.ts'
import { type DatasetState, newDatasetState, newSlotState, type Snapshot } from './sender-state.ts'

interface Read {
  readonly dataset: string
  /** To be given back with the answer. */
  readonly round: number
}

export type ReadEffect =
  /** Read the ends of this region's feeds of a dataset; answer with `onEnds`. */
  | (Read & { readonly kind: 'readEnds' })
  /** Answer with `onChunks`. */
  | (Read & {
      readonly kind: 'readChunks'
      readonly requests: readonly { readonly slot: Slot; readonly after: Position }[]
      readonly bytesMax: number
    })
  /** Answer with `onSnapshotPart`. */
  | (Read & { readonly kind: 'readSnapshot'; readonly slot: Slot; readonly from: string | null })

export type SenderEffect =
  | { readonly kind: 'send'; readonly message: FromSource }
  | ReadEffect
  /** The follower is durably complete up to a position: what acknowledgements count by. */
  | {
      readonly kind: 'completed'
      readonly dataset: string
      readonly slot: Slot
      readonly complete: Position
    }
  /** The follower asked for what it may not have: drop the stream, count, alarm. */
  | { readonly kind: 'violation'; readonly dataset: string }

type Ack = Extract<FromFollower, { type: 'ack' }>
type Ends = readonly { readonly slot: Slot; readonly end: Position }[]

/** Slots in one read. */
const SLOTS_PER_READ_MAX = 64

export class FeedSender {
  readonly #datasets = new Map<string, DatasetState>()
  readonly #mayShare: (dataset: string) => boolean
  /** Polls that came while a dataset was between two rounds: they are answered after. */
  #polls: number[] = []
  #rounds = 0

  /** `mayShare`: both ends of the stream may store the dataset, under the policies in force. */
  constructor(mayShare: (dataset: string) => boolean) {
    this.#mayShare = mayShare
  }

  onMessage(message: FromFollower): SenderEffect[] {
    switch (message.type) {
      case 'follow':
        return this.#onFollow(message.dataset, message.positions)
      case 'ack':
        return this.#onAck(message)
      case 'poll':
        this.#polls = [...this.#polls, message.id].slice(-limits.pollsInFlightMax)
        return [...this.#answerPolls(), ...this.#resume()]
    }
  }

  #resume(): SenderEffect[] {
    return [...this.#datasets].flatMap(([dataset, state]) => {
      for (const slot of state.stalled) {
        if (state.slots.get(slot)?.replacing) state.stale.add(slot)
        else state.waiting.add(slot)
      }
      state.stalled.clear()
      return this.#pump(dataset, state)
    })
  }

  #onFollow(dataset: string, positions: DatasetState['positions']): SenderEffect[] {
    if (!this.#mayShare(dataset)) return [{ kind: 'violation', dataset }]
    this.#rounds += 1
    const round = this.#rounds
    this.#datasets.set(dataset, newDatasetState(round, positions))
    return [{ kind: 'readEnds', dataset, round }]
  }

  /** The dataset's state if what was read is of its present round. */
  #ofRound({ dataset, round }: Read): DatasetState | undefined {
    const state = this.#datasets.get(dataset)
    return state?.round === round ? state : undefined
  }

  /** The ends of this region's feeds, of all slots of the dataset that have one. */
  onEnds(read: Read, ends: Ends): SenderEffect[] {
    const state = this.#ofRound(read)
    if (!state) return []
    state.following = true
    for (const { slot, position, complete } of state.positions) {
      const at = position ?? 0
      // Whatever it says, it has not gone further than it stands.
      state.slots.set(slot, newSlotState(at, Math.min(complete, at)))
      if (position === null) this.#needSnapshot(state, slot)
    }
    for (const { slot, end } of ends) this.#grow(state, slot, end)
    // The stores were asked one by one: some may have grown since they answered.
    for (const [slot, end] of state.grownBefore) this.#grow(state, slot, end)
    state.grownBefore.clear()
    // A follower that is past this feed's end holds what the host has lost: let the read find out.
    for (const [slot, known] of state.slots) {
      if (known.sent <= known.end) continue
      known.complete = 0
      state.waiting.add(slot)
    }
    const { dataset } = read
    const following = send({ type: 'following', dataset })
    const completed = [...state.slots].map(([slot, { complete }]) =>
      completedTo(dataset, slot, complete),
    )
    return [following, ...completed, ...this.#answerPolls(), ...this.#pump(dataset, state)]
  }

  onGrowth(dataset: string, ends: Ends): SenderEffect[] {
    const state = this.#datasets.get(dataset)
    if (!state) return []
    if (!state.following) {
      for (const { slot, end } of ends) state.grownBefore.set(slot, end)
      return []
    }
    for (const { slot, end } of ends) this.#grow(state, slot, end)
    return this.#pump(dataset, state)
  }

  #grow(state: DatasetState, slot: Slot, end: Position): void {
    const known = state.slots.get(slot) ?? newSlotState()
    state.slots.set(slot, known)
    if (end > known.end) known.end = end
    if (state.stalled.has(slot)) return
    if (known.end > known.sent && !known.replacing) state.waiting.add(slot)
  }

  #needSnapshot(state: DatasetState, slot: Slot): void {
    const known = state.slots.get(slot)
    assert(known, 'a slot that needs a snapshot is followed')
    known.replacing = true
    known.complete = 0
    state.waiting.delete(slot)
    state.stale.add(slot)
  }

  onChunks(read: Read, chunks: readonly SlotChunk[]): SenderEffect[] {
    const state = this.#ofRound(read)
    if (!state) return []
    const { dataset } = read
    assert(state.reading, 'chunks come when they were asked for')
    state.reading = false
    const effects: SenderEffect[] = []
    for (const chunk of chunks) {
      const slot = state.slots.get(chunk.slot)
      assert(slot, 'chunks are read of slots that are followed')
      if (chunk.kind === 'resync') {
        this.#needSnapshot(state, chunk.slot)
        effects.push(completedTo(dataset, chunk.slot, 0))
        continue
      }
      const { kind: _, damaged, ...body } = chunk
      assert(slot.sent === chunk.after, 'one read of a slot at a time')
      assert(this.#mayShare(dataset), 'a chunk is sent only where both ends may store it')
      if (damaged === undefined || chunk.items.length > 0) {
        effects.push(send({ type: 'chunk', dataset, ...body }))
        state.outstandingBytes += chunk.bytes
      }
      slot.sent = chunk.to
      state.waiting.delete(chunk.slot)
      if (damaged !== undefined) state.stalled.add(chunk.slot)
      else if (slot.end > slot.sent || !chunk.complete) state.waiting.add(chunk.slot)
    }
    return [...effects, ...this.#pump(dataset, state)]
  }

  onSnapshotPart(read: Read, part: SnapshotPart | StalledSnapshot): SenderEffect[] {
    const state = this.#ofRound(read)
    if (!state) return []
    const { dataset } = read
    const { snapshot } = state
    assert(state.reading && snapshot?.slot === part.slot, 'parts come when they were asked for')
    state.reading = false
    if ('damaged' in part) {
      // It begins again: records that were sent may be changed meanwhile.
      state.snapshot = undefined
      state.stalled.add(part.slot)
      return this.#pump(dataset, state)
    }
    if (part.from === null) snapshot.cursors = part.cursors
    snapshot.from = part.to
    const { cursors } = snapshot
    assert(this.#mayShare(dataset), 'a snapshot is sent only where both ends may store it')
    const message = send({ type: 'replace', dataset, ...part, cursors })
    state.outstandingBytes += part.bytes
    if (part.to === null) this.#endSnapshot(state, snapshot, part.feed)
    return [message, ...this.#pump(dataset, state)]
  }

  #endSnapshot(state: DatasetState, { slot, cursors }: Snapshot, feed: number): void {
    const known = state.slots.get(slot)
    assert(known, 'snapshots are read of slots that are followed')
    state.snapshot = undefined
    known.replacing = false
    known.sent = cursors.find(one => one.feed === feed)?.position ?? 0
    known.acked = 0
    if (known.end > known.sent) state.waiting.add(slot)
  }

  #onAck({ dataset, slot, position, complete, bytes }: Ack): SenderEffect[] {
    const state = this.#datasets.get(dataset)
    const known = state?.slots.get(slot)
    if (!state || !known) return []
    known.acked = Math.max(known.acked, position)
    state.outstandingBytes = Math.max(0, state.outstandingBytes - bytes)
    // What was not sent can't be on its disk, whatever it says.
    known.complete = known.replacing ? 0 : Math.min(complete, known.sent)
    const completed = completedTo(dataset, slot, known.complete)
    return [completed, ...this.#pump(dataset, state)]
  }

  /** Between two rounds it is not known what the follower lacks: an answer would be a guess. */
  #answerPolls(): SenderEffect[] {
    if ([...this.#datasets.values()].some(({ following }) => !following)) return []
    const behind = this.#behind()
    const answers = this.#polls.map(id => send({ type: 'polled', id, behind }))
    this.#polls = []
    return answers
  }

  /** What the follower has not acked to the end. */
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
    const { round } = state
    const credit = limits.streamCreditBytes - state.outstandingBytes
    if (state.reading || !state.following || credit <= 0) return []
    const [stale] = state.stale
    if (!state.snapshot && stale !== undefined) {
      state.stale.delete(stale)
      state.snapshot = { slot: stale, from: null, cursors: [] }
    }
    if (state.snapshot) {
      state.reading = true
      const { slot, from } = state.snapshot
      return [{ kind: 'readSnapshot', dataset, round, slot, from }]
    }
    if (state.waiting.size === 0) return []
    state.reading = true
    const requests = [...state.waiting].slice(0, SLOTS_PER_READ_MAX).map(slot => {
      // To the back of the queue: a busy slot must not starve the others.
      state.waiting.delete(slot)
      state.waiting.add(slot)
      return { slot, after: state.slots.get(slot)?.sent ?? 0 }
    })
    return [{ kind: 'readChunks', dataset, round, requests, bytesMax: credit }]
  }
}

const send = (message: FromSource): SenderEffect => ({ kind: 'send', message })
const completedTo = (dataset: string, slot: Slot, complete: Position): SenderEffect => ({
  ...{ kind: 'completed', dataset, slot, complete },
})
