/**
 * The shell around a `FeedSender`: one stream on which a peer follows this region. It reads what
 * the sender asks for, and bounds what is read ahead over all datasets of the stream.
 */
import type { PeerMeter } from '../metrics/peer-meter.ts'
import { assert } from '../model/assert.ts'
import { limits } from '../model/limits.ts'
import type { FeedNumber, Position } from '../model/position.ts'
import type { Slot } from '../model/slot.ts'
import type { MessageStream } from '../peers/peers.ts'
import type { Growth } from '../storage/shard.ts'
import type { ShardClient } from '../storage/shard-client.ts'
import type { EverywherePoint } from './complete-everywhere.ts'
import { FeedSender, type ReadEffect, type SenderEffect } from './feed-sender.ts'
import { type FromSource, fromFollowerSchema } from './messages.ts'
import type { SlotChunk } from './read-feeds.ts'
import { allFeedStates, type ReplicationOperations } from './shard-operations.ts'
import type { StreamFaults } from './stream-faults.ts'

export interface SourceStreamOptions {
  readonly stream: MessageStream
  readonly ownFeed: FeedNumber
  /** Both ends may store the dataset. */
  readonly mayShare: (dataset: string) => boolean
  /** Those that both ends may store, as the stream begins. */
  readonly datasets: readonly string[]
  /** What looks like a breach of the policy is one of an earlier or a later one. */
  readonly isOfOtherPolicy: (dataset: string) => boolean
  readonly shards: ShardClient<ReplicationOperations>
  readonly faults: StreamFaults
  readonly meter: PeerMeter
  /** The follower is durably complete up to a position of this region's feed. */
  readonly onComplete: (dataset: string, slot: Slot, complete: Position) => void
  /** What has become complete in every region since this was asked for. */
  readonly everywhere: () => readonly EverywherePoint[]
  /** A record that is to be sent is damaged here. */
  readonly onDamaged: (dataset: string, key: string) => void
}

const SNAPSHOT_PART_BYTES = 192 * 1024

/** Above this nothing is read: one read more still has room in the queue of the link. */
const READ_AHEAD_BYTES_MAX = 16 * 1024 * 1024

assert(
  READ_AHEAD_BYTES_MAX + limits.streamCreditBytes + 2 * limits.valueBytesMax <
    limits.linkQueueBytesMax,
  'what is read ahead fits the queue of a link',
)

export class SourceStream {
  readonly #options: SourceStreamOptions
  readonly #sender: FeedSender
  /** Reads that wait for their turn: at most one of each dataset. */
  readonly #reads: ReadEffect[] = []
  #reading = false
  #isClosed = false

  constructor(options: SourceStreamOptions) {
    const { stream, mayShare, faults } = options
    this.#options = options
    this.#sender = new FeedSender(mayShare)
    stream.onMessage(message => {
      const parsed = fromFollowerSchema.safeParse(message)
      // A write may have been answered by another thread, whose growth is not here yet.
      if (parsed.data?.type === 'poll') this.#options.shards.receiveGrowth()
      if (parsed.success) this.#carryOut(this.#sender.onMessage(parsed.data))
      else faults.dropped(stream, 'a follower sent what is no message of this protocol')
    })
    stream.onDrained(() => this.#readNext())
  }

  get datasets(): readonly string[] {
    return this.#options.datasets
  }

  get stream(): MessageStream {
    return this.#options.stream
  }

  onGrowth({ dataset, ends }: Growth): void {
    this.#carryOut(this.#sender.onGrowth(dataset, ends))
  }

  /** Nothing more is sent, whatever is still being read. */
  close(): void {
    this.onClosed()
    this.#options.stream.close()
  }

  /** The stream has ended: nothing that waits is read any more. */
  onClosed(): void {
    this.#isClosed = true
    this.#reads.length = 0
  }

  #carryOut(effects: readonly SenderEffect[]): void {
    const { stream, faults, meter } = this.#options
    for (const effect of effects) {
      switch (effect.kind) {
        case 'send': {
          const message = this.#withNews(effect.message)
          if ('bytes' in message) meter.sent(message.dataset, stream.region, message.bytes)
          stream.send(message, 'dataset' in message ? { lane: message.dataset } : {})
          break
        }
        case 'completed':
          this.#options.onComplete(effect.dataset, effect.slot, effect.complete)
          break
        case 'violation':
          if (this.#options.isOfOtherPolicy(effect.dataset)) stream.close()
          else faults.violated(stream, effect.dataset)
          break
        default:
          this.#reads.push(effect)
          this.#readNext()
      }
    }
  }

  /** Answers to polls tell what else the follower wants to know. */
  #withNews(message: FromSource): FromSource {
    if (message.type !== 'polled') return message
    const everywhere = this.#options.everywhere()
    return everywhere.length === 0 ? message : { ...message, everywhere: [...everywhere] }
  }

  /**
   * One read at a time, the datasets in turn, and none while much is still to be sent: credit
   * bounds what one dataset has on its way, this what all of them hold in memory here.
   */
  #readNext(): void {
    const { stream, faults } = this.#options
    if (this.#reading || stream.bufferedBytes() > READ_AHEAD_BYTES_MAX) return
    const effect = this.#reads.shift()
    if (!effect) return
    this.#reading = true
    faults.attempt(stream, async () => {
      const effects = await this.#read(effect)
      this.#reading = false
      this.#carryOut(effects)
      this.#readNext()
    })
  }

  async #read(effect: ReadEffect): Promise<SenderEffect[]> {
    const { ownFeed, shards } = this.#options
    const { dataset } = effect
    switch (effect.kind) {
      case 'readEnds': {
        const states = await allFeedStates(shards, dataset)
        if (this.#isClosed) return []
        const ends = states
          .filter(({ feed }) => feed === ownFeed)
          .map(({ slot, state }) => ({ slot, end: state.end }))
        return this.#sender.onEnds(effect, ends)
      }
      case 'readChunks': {
        const chunks = await this.#readChunks(effect)
        return this.#isClosed ? [] : this.#sender.onChunks(effect, chunks)
      }
      case 'readSnapshot': {
        const { slot, from } = effect
        const request = { slot, from, bytesMax: SNAPSHOT_PART_BYTES }
        const part = await shards.call(dataset, slot, 'readSnapshot', request)
        if (this.#isClosed) return []
        if ('damaged' in part) this.#options.onDamaged(dataset, part.damaged)
        return this.#sender.onSnapshotPart(effect, part)
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
      for (const chunk of read) {
        if (chunk.kind !== 'chunk') continue
        left -= chunk.bytes
        if (chunk.damaged !== undefined) this.#options.onDamaged(dataset, chunk.damaged)
      }
      chunks.push(...read)
    }
    return chunks
  }
}
