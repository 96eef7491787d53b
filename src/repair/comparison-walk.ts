/**
 * One walk over a slot of which the copies of two regions differ, or may: page by page, and each
 * record that differs is judged with what all regions say of it, and put right here where it is
 * proven that this copy is the one that is wrong. The other region does the same for its own.
 */
import type { z } from 'zod'
import { compareUtf8 } from '../model/bytes.ts'
import { DenizenError } from '../model/errors.ts'
import { timing } from '../model/limits.ts'
import type { Placement } from '../model/placement.ts'
import type { FeedNumber } from '../model/position.ts'
import type { RegionId } from '../model/slot.ts'
import { type PeerCall, PeerFailure } from '../peers/peers.ts'
import type { ShardClient } from '../storage/shard-client.ts'
import { comparisonBounds } from './comparison-bounds.ts'
import { pageReplySchema, witnessReplySchema } from './comparison-messages.ts'
import { judgeRecord, type Verdict, type Witness } from './judge-record.ts'
import { copySchema } from './repairs.ts'
import type { NextRecord } from './settle-record.ts'
import type { RepairOperations } from './shard-operations.ts'
import type { FoundDifference, RecordAsked } from './slot-walk.ts'

export interface WalkOptions {
  readonly self: RegionId
  readonly shards: ShardClient<RepairOperations>
  readonly call: PeerCall
  /** The region that hosts a feed; undefined where that is no member. */
  readonly hostOf: (feed: FeedNumber) => RegionId | undefined
  readonly onDamaged: (dataset: string, key: string) => void
}

/** What came of the records that differed. */
export interface WalkTally {
  /** Taken from another region, as the copy here owed them. */
  repaired: number
  /** Given up, or put back to what the home has: nobody had ever written them. */
  removed: number
  /** One version with different bytes, or one place of a feed with different records. */
  conflicting: number
  /** It could not be told now who is right. */
  unproven: number
  /** That the copy here owes, or may owe: who could tell, or has it, did not answer. */
  owed: number
}

export class ComparisonWalk {
  readonly tally: WalkTally = { repaired: 0, removed: 0, conflicting: 0, unproven: 0, owed: 0 }
  readonly #options: WalkOptions
  readonly #peer: RegionId
  readonly #slot: number
  /** Under the policy in force when the page began. */
  #placement: Placement
  #after: string | null = null

  constructor(options: WalkOptions, placement: Placement, peer: RegionId, slot: number) {
    this.#options = options
    this.#placement = placement
    this.#peer = peer
    this.#slot = slot
  }

  /** One page. False where it was the last. Throws `DenizenError`, `PeerFailure`. */
  async page(placement: Placement): Promise<boolean> {
    const { shards } = this.#options
    this.#placement = placement
    const { rowsPerPage: rowsMax, bytesPerPage: bytesMax } = comparisonBounds
    const [slot, after] = [this.#slot, this.#after]
    const range = { slot, after, upTo: null, rowsMax, bytesMax }
    const own = await shards.call(this.#placement.id, slot, 'digestOfPage', range)
    const theirs = await this.#askPage({ slot, after, ...own })
    if (theirs.kind === 'same') {
      this.#after = own.upTo
      return own.upTo !== null
    }
    const { upTo, heads, cursors } = theirs
    if (!liesIn(upTo, after, own.upTo)) throw noPage(this.#peer)
    const request = { slot, after, upTo, theirs: { heads, cursors } }
    const { id: dataset } = this.#placement
    const found = await shards.call(dataset, slot, 'findDifferences', request)
    for (const key of found.damaged) this.#options.onDamaged(dataset, key)
    const { recordsAtOnce } = comparisonBounds
    for (let at = 0; at < found.differences.length; at += recordsAtOnce) {
      await this.#settleSome(found.differences.slice(at, at + recordsAtOnce))
    }
    this.#after = upTo
    return upTo !== null
  }

  async #askPage(page: object): Promise<z.infer<typeof pageReplySchema>> {
    const request = { dataset: this.#placement.id, ...page }
    const timeoutMs = timing.callTimeoutMs
    const reply = await this.#options.call(this.#peer, 'compare.page', request, { timeoutMs })
    const parsed = pageReplySchema.safeParse(reply)
    if (parsed.success) return parsed.data
    throw noPage(this.#peer)
  }

  async #settleSome(differences: readonly FoundDifference[]): Promise<void> {
    const { self } = this.#options
    const records = differences.map(({ record: { key, feed, version } }) => ({
      ...{ key, feed, position: version.seq },
    }))
    const others = this.#placement.data.store.filter(region => region !== self)
    const [mine, ...theirs] = await Promise.all([
      this.#ownWitnesses(records),
      ...others.map(region => this.#askWitnesses(region, records)),
    ])
    const answered = theirs.filter(witnesses => witnesses !== undefined)
    for (const [index, difference] of differences.entries()) {
      const own = mine[index]
      const known = answered.flatMap(witnesses => witnesses[index] ?? [])
      if (own) await this.#settleOne(difference, own, known, known.length === others.length)
    }
  }

  async #settleOne(
    difference: FoundDifference,
    mine: Witness,
    others: readonly Witness[],
    isWhole: boolean,
  ): Promise<void> {
    const { kind, record } = difference
    const known = this.#options.hostOf(record.feed)
    const host = known !== undefined && this.#placement.mayStore(known) ? known : undefined
    const verdict = judgeRecord({ ...difference, mine, others, isWhole, host, peer: this.#peer })
    if (kind === 'unlike') this.tally.conflicting += 1
    if (verdict.kind === 'leave') return
    if (verdict.kind === 'unproven') {
      this.#leaveUnproven(kind, isWhole)
      return
    }
    const { key } = record
    const next = verdict.kind === 'give up' ? null : await this.#fetch(verdict, key)
    if (next === undefined) {
      this.#leaveUnproven(kind, false)
      return
    }
    const slot = this.#slot
    const settle = { slot, key, kind, held: mine.held, next }
    const dataset = this.#placement.id
    const reply = await this.#options.shards.call(dataset, slot, 'settleRecord', settle)
    if (reply === 'contested') this.tally.conflicting += 1
    if (reply !== 'settled') return
    if (kind === 'extra') this.tally.removed += 1
    else this.tally.repaired += 1
  }

  /** `isWhole`: all have said what they know, and none proves it right. */
  #leaveUnproven(kind: FoundDifference['kind'], isWhole: boolean): void {
    this.tally.unproven += 1
    if (kind === 'lacks' && !isWhole) this.tally.owed += 1
  }

  async #ownWitnesses(records: readonly RecordAsked[]): Promise<Witness[]> {
    const { self, shards } = this.#options
    const request = { slot: this.#slot, records }
    const own = await shards.call(this.#placement.id, this.#slot, 'testify', request)
    return own.map(said => ({ ...said, region: self }))
  }

  async #askWitnesses(
    region: RegionId,
    records: readonly RecordAsked[],
  ): Promise<Witness[] | undefined> {
    const request = { dataset: this.#placement.id, slot: this.#slot, records }
    const reply = await this.#ask(region, 'compare.witness', request)
    const said = witnessReplySchema.safeParse(reply).data
    return said?.length === records.length ? said.map(one => ({ ...one, region })) : undefined
  }

  /** The record that was found right; the shard checks that it is still that one. */
  async #fetch(
    { from, record }: Extract<Verdict, { kind: 'take' }>,
    key: string,
  ): Promise<NextRecord | undefined> {
    const reply = await this.#ask(from, 'repair', { dataset: this.#placement.id, key })
    const copy = copySchema.safeParse(reply).data
    return copy?.state === 'sound' ? { record, bytes: copy.bytes } : undefined
  }

  async #ask(region: RegionId, name: string, request: unknown): Promise<unknown> {
    try {
      return await this.#options.call(region, name, request, { timeoutMs: timing.callTimeoutMs })
    } catch (error) {
      if (error instanceof PeerFailure || error instanceof DenizenError) return undefined
      throw error
    }
  }
}

const noPage = (peer: RegionId): DenizenError =>
  new DenizenError('bad_request', `${peer} answered what is no page`)

/** The end of a page is one of (after, upTo]; null: there is no bound, or it is the end of all. */
const liesIn = (end: string | null, after: string | null, upTo: string | null): boolean =>
  end === null
    ? upTo === null
    : (after === null || compareUtf8(end, after) > 0) &&
      (upTo === null || compareUtf8(end, upTo) <= 0)
