/**
 * The shell around senders and followers: connects streams and shards to the state machines, and
 * carries out their effects. One sender per stream that a peer has opened to us; one follower per
 * source, for as long as the node runs.
 */
import { assert } from '../model/assert.ts'
import { DenizenError } from '../model/errors.ts'
import { limits, timing } from '../model/limits.ts'
import type { PlacementTable } from '../model/placement.ts'
import type { FeedNumber } from '../model/position.ts'
import type { RegionId, Slot } from '../model/slot.ts'
import type { MessageStream } from '../peers/peers.ts'
import type { Clock } from '../runtime/clock.ts'
import { describeError, type Logger } from '../runtime/log.ts'
import type { Growth } from '../storage/shard.ts'
import type { ShardClient } from '../storage/shard-client.ts'
import { FeedSender, type ReadEffect, type SenderEffect } from './feed-sender.ts'
import { Follower, type FollowerEffect } from './follower.ts'
import {
  type FeedChunk,
  fromFollowerSchema,
  fromSourceSchema,
  type ReplaceChunk,
} from './messages.ts'
import type { SlotChunk } from './read-feeds.ts'
import type { ReplicationOperations, SlotFeedState } from './shard-operations.ts'

export interface ReplicationOptions {
  readonly self: RegionId
  readonly table: () => PlacementTable
  readonly feedOf: (region: RegionId) => FeedNumber
  readonly shards: ShardClient<ReplicationOperations>
  readonly clock: Clock
  readonly log: Logger
  readonly onViolation: () => void
}

interface Outgoing {
  readonly sender: FeedSender
  readonly stream: MessageStream
  /** Reads that wait for their turn: at most one of each dataset. */
  readonly reads: ReadEffect[]
  reading: boolean
}

interface Incoming {
  readonly follower: Follower
  stream: MessageStream | undefined
}

export class Replication {
  readonly #options: ReplicationOptions
  readonly #outgoing = new Map<RegionId, Outgoing>()
  readonly #incoming = new Map<RegionId, Incoming>()
  #cancelTick: () => void = () => {}
  #stopped = false

  constructor(options: ReplicationOptions) {
    this.#options = options
  }

  start(): void {
    this.#tick()
  }

  stop(): void {
    this.#stopped = true
    this.#cancelTick()
    for (const { stream } of this.#outgoing.values()) stream.close()
    for (const { stream } of this.#incoming.values()) stream?.close()
  }

  /** A peer follows this region. */
  serve(region: RegionId, stream: MessageStream): void {
    const { self, table } = this.#options
    if (this.#stopped) {
      stream.close()
      return
    }
    const sender = new FeedSender(dataset => {
      const placement = table().byId(dataset)
      return placement?.mayStore(self) === true && placement.mayStore(region)
    })
    const outgoing: Outgoing = { sender, stream, reads: [], reading: false }
    this.#outgoing.get(region)?.stream.close()
    this.#outgoing.set(region, outgoing)
    stream.onMessage(message => {
      const parsed = fromFollowerSchema.safeParse(message)
      if (parsed.success) this.#send(outgoing, sender.onMessage(parsed.data))
      else this.#drop(stream, 'a follower sent what is no message of this protocol')
    })
    stream.onDrained(() => this.#readNext(outgoing))
    stream.onClose(() => {
      outgoing.reads.length = 0
      if (this.#outgoing.get(region) === outgoing) this.#outgoing.delete(region)
    })
  }

  /** The connection to a source is up: follow it. */
  follow(region: RegionId, stream: MessageStream): void {
    if (this.#stopped) {
      stream.close()
      return
    }
    const incoming = this.#incoming.get(region) ?? this.#newIncoming(region)
    this.#incoming.set(region, incoming)
    incoming.stream = stream
    stream.onMessage(message => {
      const parsed = fromSourceSchema.safeParse(message)
      if (parsed.success) this.#receive(region, incoming, incoming.follower.onMessage(parsed.data))
      else this.#drop(stream, 'a source sent what is no message of this protocol')
    })
    stream.onClose(() => {
      if (incoming.stream !== stream) return
      incoming.stream = undefined
      incoming.follower.onClose()
    })
    this.#receive(region, incoming, incoming.follower.onOpen())
  }

  /** This region's feeds have grown, durably. */
  onGrowth({ dataset, ends }: Growth): void {
    for (const outgoing of this.#outgoing.values()) {
      this.#send(outgoing, outgoing.sender.onGrowth(dataset, ends))
    }
  }

  /** The age of this copy; undefined where it can't say. */
  stalenessMs(dataset: string, slot: Slot, home: RegionId | undefined): number | undefined {
    const { self, clock, table } = this.#options
    const now = clock.monotonicMs()
    const placement = table().byId(dataset)
    const sources = home === undefined ? (placement?.data.home ?? []) : [home]
    let stalenessMs = 0
    for (const region of sources) {
      if (region === self) continue
      const asOfMs = this.#incoming.get(region)?.follower.freshness.asOfMs(dataset, slot)
      if (asOfMs === undefined) return undefined
      stalenessMs = Math.max(stalenessMs, Math.round(now - asOfMs))
    }
    return stalenessMs
  }

  #newIncoming(region: RegionId): Incoming {
    const { self, table, feedOf } = this.#options
    const datasets = [...table().placements]
      .filter(placement => placement.mayStore(self) && placement.mayStore(region))
      .filter(placement => placement.mayHome(region))
      .map(({ id }) => id)
    const follower = new Follower({
      feed: feedOf(region),
      datasets,
      mayStore: dataset => table().byId(dataset)?.mayStore(self) === true,
      slots: dataset => table().byId(dataset)?.data.slots ?? 0,
    })
    return { follower, stream: undefined }
  }

  #tick(): void {
    const { clock } = this.#options
    for (const [region, incoming] of this.#incoming) {
      this.#receive(region, incoming, incoming.follower.onTick(clock.monotonicMs()))
    }
    this.#cancelTick = clock.after(timing.pollIntervalMs, () => this.#tick())
  }

  // The source's side.

  #send(outgoing: Outgoing, effects: readonly SenderEffect[]): void {
    for (const effect of effects) this.#carryOutSend(outgoing, effect)
  }

  #carryOutSend(outgoing: Outgoing, effect: SenderEffect): void {
    const { stream } = outgoing
    switch (effect.kind) {
      case 'send': {
        const { message } = effect
        stream.send(message, 'dataset' in message ? { lane: message.dataset } : {})
        return
      }
      case 'violation':
        this.#violated(stream, effect.dataset)
        return
      default:
        outgoing.reads.push(effect)
        this.#readNext(outgoing)
    }
  }

  /**
   * One read at a time, the datasets in turn, and none while much is still to be sent: credit bounds
   * what one dataset has on its way, this what all of them hold in memory here.
   */
  #readNext(outgoing: Outgoing): void {
    const { sender, stream, reads } = outgoing
    if (outgoing.reading || stream.bufferedBytes() > READ_AHEAD_BYTES_MAX) return
    const effect = reads.shift()
    if (!effect) return
    outgoing.reading = true
    this.#attempt(stream, async () => {
      const effects = await this.#read(sender, effect)
      outgoing.reading = false
      this.#send(outgoing, effects)
      this.#readNext(outgoing)
    })
  }

  async #read(sender: FeedSender, effect: ReadEffect): Promise<SenderEffect[]> {
    const { self, feedOf, shards } = this.#options
    const { dataset } = effect
    switch (effect.kind) {
      case 'readEnds': {
        const own = feedOf(self)
        const states = await this.#states(dataset)
        const ends = states
          .filter(({ feed }) => feed === own)
          .map(({ slot, state }) => ({ slot, end: state.end }))
        return sender.onEnds(effect, ends)
      }
      case 'readChunks':
        return sender.onChunks(effect, await this.#readChunks(effect))
      case 'readSnapshot': {
        const { slot, from } = effect
        const request = { slot, from, bytesMax: SNAPSHOT_PART_BYTES }
        const part = await shards.call(dataset, slot, 'readSnapshot', request)
        return sender.onSnapshotPart(effect, part)
      }
    }
  }

  /** Store after store: each may read one value past its bound, all at once would add up. */
  async #readChunks(effect: Extract<ReadEffect, { kind: 'readChunks' }>): Promise<SlotChunk[]> {
    const { shards } = this.#options
    const { dataset, requests, bytesMax } = effect
    const byStore = Map.groupBy(requests, ({ slot }) => shards.storeOfSlot(dataset, slot))
    const chunks: SlotChunk[] = []
    let left = bytesMax
    for (const [store, some] of byStore) {
      if (left <= 0) break
      const request = { requests: some, bytesMax: left }
      const read = await shards.callStore(dataset, store, 'readFeeds', request)
      for (const chunk of read) left -= chunk.kind === 'chunk' ? chunk.bytes : 0
      chunks.push(...read)
    }
    return chunks
  }

  // The follower's side.

  #receive(region: RegionId, incoming: Incoming, effects: readonly FollowerEffect[]): void {
    for (const effect of effects) this.#carryOutReceive(region, incoming, effect)
  }

  #carryOutReceive(region: RegionId, incoming: Incoming, effect: FollowerEffect): void {
    const { follower, stream } = incoming
    if (effect.kind === 'apply') {
      this.#apply(region, incoming, effect.chunk)
      return
    }
    if (!stream) return
    switch (effect.kind) {
      case 'send': {
        const { message } = effect
        stream.send(message, 'dataset' in message ? { lane: message.dataset } : {})
        return
      }
      case 'violation':
        this.#violated(stream, effect.dataset)
        return
      case 'readStates':
        this.#attempt(stream, async () => {
          const feed = this.#options.feedOf(region)
          const states = (await this.#states(effect.dataset)).filter(one => one.feed === feed)
          const bySlot = new Map(states.map(({ slot, state }) => [slot, state]))
          if (incoming.stream === stream) {
            this.#receive(region, incoming, follower.onStates(effect.dataset, bySlot))
          }
        })
    }
  }

  /** The follower hears of every chunk's end, also when its stream has ended before. */
  #apply(region: RegionId, incoming: Incoming, chunk: FeedChunk | ReplaceChunk): void {
    const { shards } = this.#options
    const { follower, stream } = incoming
    const { dataset, slot } = chunk
    const applied =
      chunk.type === 'chunk'
        ? shards.call(dataset, slot, 'applyChunk', chunk)
        : shards.call(dataset, slot, 'applyReplace', chunk)
    applied.then(
      reply => this.#receive(region, incoming, follower.onApplied(chunk, reply)),
      (error: unknown) => {
        if (stream) this.#failed(stream, error)
        this.#receive(region, incoming, follower.onFailed(chunk))
      },
    )
  }

  async #states(dataset: string): Promise<SlotFeedState[]> {
    return (await this.#options.shards.callAll(dataset, 'feedStates', {})).flat()
  }

  /** A failure ends the stream: the next one starts from what is durable. */
  #attempt(stream: MessageStream, task: () => Promise<void>): void {
    task().catch((error: unknown) => this.#failed(stream, error))
  }

  #failed(stream: MessageStream, error: unknown): void {
    if (this.#stopped) return
    const reason =
      error instanceof DenizenError ? { code: error.code } : { ...describeError(error) }
    this.#options.log.error('a feeds stream failed', { region: stream.region, ...reason })
    stream.close()
  }

  #violated(stream: MessageStream, dataset: string): void {
    this.#options.onViolation()
    this.#options.log.error('a residency check stopped a feeds stream', {
      region: stream.region,
      dataset,
    })
    stream.close()
  }

  #drop(stream: MessageStream, reason: string): void {
    this.#options.log.error('a feeds stream was dropped', { region: stream.region, reason })
    stream.close()
  }
}

const SNAPSHOT_PART_BYTES = 192 * 1024

/** Above this nothing is read: one read more still has room in the queue of the link. */
const READ_AHEAD_BYTES_MAX = 16 * 1024 * 1024

assert(
  READ_AHEAD_BYTES_MAX + limits.streamCreditBytes + 2 * limits.valueBytesMax <
    limits.linkQueueBytesMax,
  'what is read ahead fits the queue of a link',
)
