/**
 * The shell around a `Follower`: one source region that this region follows, over as many streams
 * one after the other as it takes.
 *
 * What comes while the disk is full is held back, in order, and tried again with each tick. The
 * source's credit bounds it, as nothing of it is acknowledged.
 */
import type { PeerMeter } from '../metrics/peer-meter.ts'
import { DenizenError } from '../model/errors.ts'
import type { FeedNumber } from '../model/position.ts'
import type { RegionId } from '../model/slot.ts'
import type { MessageStream } from '../peers/peers.ts'
import { pointsToRecord } from '../storage/feed-entry.ts'
import type { ShardClient } from '../storage/shard-client.ts'
import type { AgeChange } from './copy-ages.ts'
import { Follower, type FollowerEffect, type FollowerOptions } from './follower.ts'
import { type FeedChunk, fromSourceSchema, type ReplaceChunk } from './messages.ts'
import { allFeedStates, type ReplicationOperations } from './shard-operations.ts'
import type { StreamFaults } from './stream-faults.ts'

export interface FollowedSourceOptions extends FollowerOptions {
  readonly region: RegionId
  readonly onAges: (change: AgeChange) => void
  /** What looks like a breach of the policy is one of an earlier or a later one. */
  readonly isOfOtherPolicy: (dataset: string) => boolean
  /** A record of this copy is damaged. */
  readonly onDamaged: (dataset: string, key: string) => void
  readonly shards: ShardClient<ReplicationOperations>
  readonly faults: StreamFaults
  readonly meter: PeerMeter
}

type StreamEffect = Exclude<FollowerEffect, { kind: 'apply' | 'aged' }>

export class FollowedSource {
  readonly #options: FollowedSourceOptions
  readonly #feed: FeedNumber
  readonly #follower: Follower
  #stream: MessageStream | undefined
  #held: (FeedChunk | ReplaceChunk)[] = []

  constructor(options: FollowedSourceOptions) {
    this.#options = options
    this.#feed = options.feed
    this.#follower = new Follower(options)
  }

  /** The connection to the source is up (again). */
  onStream(stream: MessageStream): void {
    this.#stream = stream
    stream.onMessage(message => {
      const parsed = fromSourceSchema.safeParse(message)
      if (parsed.success) this.#carryOut(this.#follower.onMessage(parsed.data))
      else {
        const reason = 'a source sent what is no message of this protocol'
        this.#options.faults.dropped(stream, reason)
      }
    })
    stream.onClose(() => {
      if (this.#stream !== stream) return
      this.#stream = undefined
      this.#follower.onClose()
    })
    this.#carryOut(this.#follower.onOpen())
  }

  onTick(nowMs: number): void {
    for (const chunk of this.#held.splice(0)) this.#apply(chunk)
    this.#carryOut(this.#follower.onTick(nowMs))
  }

  /** By dataset: see `Follower`. */
  lags(): ReadonlyMap<string, number> {
    return this.#follower.lags()
  }

  get datasets(): readonly string[] {
    return this.#options.datasets
  }

  close(): void {
    this.#stream?.close()
  }

  #carryOut(effects: readonly FollowerEffect[]): void {
    const { region } = this.#options
    for (const effect of effects) {
      if (effect.kind === 'apply') this.#applyInTurn(effect.chunk)
      else if (effect.kind === 'aged') this.#options.onAges({ ...effect, region })
      else if (this.#stream) this.#carryOutOn(this.#stream, effect)
    }
  }

  #carryOutOn(stream: MessageStream, effect: StreamEffect): void {
    const { shards, faults } = this.#options
    switch (effect.kind) {
      case 'send': {
        const { message } = effect
        stream.send(message, 'dataset' in message ? { lane: message.dataset } : {})
        return
      }
      case 'violation':
        if (this.#options.isOfOtherPolicy(effect.dataset)) stream.close()
        else faults.violated(stream, effect.dataset)
        return
      case 'readStates':
        faults.attempt(stream, async () => {
          const states = await allFeedStates(shards, effect.dataset)
          const ofSource = states.filter(({ feed }) => feed === this.#feed)
          const bySlot = new Map(ofSource.map(({ slot, state }) => [slot, state]))
          if (this.#stream === stream) {
            this.#carryOut(this.#follower.onStates(effect.dataset, bySlot))
          }
        })
    }
  }

  #applyInTurn(chunk: FeedChunk | ReplaceChunk): void {
    this.#options.meter.received(chunk.dataset, this.#options.region, chunk.bytes)
    if (this.#held.length > 0) this.#held.push(chunk)
    else this.#apply(chunk)
  }

  /** The follower hears of every chunk's end, also when its stream has ended before. */
  #apply(chunk: FeedChunk | ReplaceChunk): void {
    const { shards, faults } = this.#options
    const { dataset, slot } = chunk
    const stream = this.#stream
    const applied =
      chunk.type === 'chunk'
        ? shards.call(dataset, slot, 'applyChunk', chunk)
        : shards.call(dataset, slot, 'applyReplace', chunk)
    applied.then(
      reply => this.#carryOut(this.#follower.onApplied(chunk, reply)),
      (error: unknown) => {
        if (error instanceof DenizenError && error.code === 'disk_full') {
          this.#held.push(chunk)
          return
        }
        if (isDamage(error)) this.#findDamaged(chunk)
        if (stream) faults.failed(stream, error)
        this.#carryOut(this.#follower.onFailed(chunk))
      },
    )
  }

  /** A change waits for the repair of the record that it replaces: nobody else may look at that. */
  #findDamaged(chunk: FeedChunk | ReplaceChunk): void {
    const { shards, onDamaged } = this.#options
    const { dataset, slot } = chunk
    const keys =
      chunk.type === 'chunk'
        ? chunk.items.filter(({ kind }) => pointsToRecord(kind)).map(({ text }) => text)
        : chunk.records.map(({ key }) => key)
    shards.call(dataset, slot, 'damagedOf', { keys }).then(
      damaged => {
        for (const key of damaged) onDamaged(dataset, key)
      },
      // The next stream finds it again.
      () => {},
    )
  }
}

const isDamage = (error: unknown): boolean =>
  error instanceof DenizenError && error.code === 'damaged_record'
