/**
 * `writeMany`: independent writes of one store in one request, in order, each with its own result:
 * one that fails leaves nothing behind, and the others stand. They are as `write` would answer them
 * one by one, in one turn of the shard.
 *
 * Request and reply cross threads, where an object costs more than what it says. So what most
 * writes have (a key, a value of some type, no conditions) and most replies (a version) goes in
 * columns, one entry for each write; the rest goes by its index in `others`.
 */
import { assert } from '../../model/assert.ts'
import { DenizenError, type WireError } from '../../model/errors.ts'
import type { Key } from '../../model/key.ts'
import type { FeedNumber } from '../../model/position.ts'
import type { StoreTransaction } from '../../storage/transaction.ts'
import { type WriteReply, type WriteRequest, write } from './write.ts'

/** What a write has beside its key and its value. */
export type OtherMembers = Omit<WriteRequest, 'key' | 'value' | 'nowMs'> & {
  readonly ttlMs?: number
}

export interface WriteManyRequest {
  /** The home's wall clock. */
  readonly nowMs: number
  readonly keys: readonly Key[]
  /** Bytes of each value; `deletes`: the key is deleted. */
  readonly lengths: Int32Array
  /** The values, one after another. */
  readonly values: Uint8Array
  /** Of each value, its place in `mediaTypes`. */
  readonly types: Uint16Array
  readonly mediaTypes: readonly string[]
  /** By index: what is no plain write. */
  readonly others: ReadonlyMap<number, OtherMembers>
}

/** In place of a length. */
export const deletes = -1

/** Why one write failed. */
export interface WriteFailure {
  readonly kind: 'failed'
  readonly error: WireError
}

export interface WriteManyReply {
  /** That this region writes, and so the feed of all that was written. */
  readonly feed: FeedNumber
  /** One of `replyKinds` for each write. */
  readonly kinds: Uint8Array
  /** Term and position of each; the home of what is here is this region, at that term. */
  readonly versions: Float64Array
  /** By index: what has no version, or another home or feed. */
  readonly others: ReadonlyMap<number, WriteReply | WriteFailure>
}

export const replyKinds = { other: 0, created: 1, replaced: 2, deleted: 3 } as const

const noPrecondition: WriteRequest['precondition'] = {}

function withOther(plain: WriteRequest, { ttlMs, ...other }: OtherMembers): WriteRequest {
  const value = plain.value && ttlMs !== undefined ? { ...plain.value, ttlMs } : plain.value
  return { ...plain, ...other, value }
}

/** Throws `residency_violation` for all of them: something is wrong with who asks. */
export function writeMany(store: StoreTransaction, request: WriteManyRequest): WriteManyReply {
  const { keys, lengths, values, types, mediaTypes, others, nowMs } = request
  const { ownFeed: feed } = store.context
  const kinds = new Uint8Array(keys.length)
  const versions = new Float64Array(keys.length * 2)
  const otherReplies = new Map<number, WriteReply | WriteFailure>()
  let from = 0
  for (let index = 0; index < keys.length; index++) {
    const other = others.get(index)
    const length = lengths[index] as number
    const bytes = length === deletes ? undefined : values.subarray(from, from + length)
    if (bytes) from += length
    const mediaType = mediaTypes[types[index] as number]
    assert(mediaType !== undefined || !bytes, 'each value has a media type')
    const value = bytes && { bytes, mediaType: mediaType as string }
    const plain = { key: keys[index] as Key, value, precondition: noPrecondition, nowMs }
    const reply = writeAlone(store, other ? withOther(plain, other) : plain)
    const kind = plainKind(reply, feed)
    kinds[index] = kind
    if (kind === replyKinds.other) otherReplies.set(index, reply)
    else putVersion(versions, index, reply)
  }
  return { feed, kinds, versions, others: otherReplies }
}

function writeAlone(store: StoreTransaction, request: WriteRequest): WriteReply | WriteFailure {
  try {
    return store.whole(() => write(store, request))
  } catch (error) {
    if (!(error instanceof DenizenError) || error.code === 'residency_violation') throw error
    return { kind: 'failed', error: error.toWire() }
  }
}

function plainKind(reply: WriteReply | WriteFailure, feed: FeedNumber): number {
  if (reply.kind !== 'written' && reply.kind !== 'deleted') return replyKinds.other
  const { version, point, home } = reply
  // A repeat is answered with what the first run was, which may have been under another home.
  const isOwn = point.feed === feed && home.term === version.term && point.position === version.seq
  if (!isOwn) return replyKinds.other
  if (reply.kind === 'deleted') return replyKinds.deleted
  return reply.created ? replyKinds.created : replyKinds.replaced
}

function putVersion(versions: Float64Array, index: number, reply: WriteReply | WriteFailure): void {
  if (reply.kind !== 'written' && reply.kind !== 'deleted') return
  versions[index * 2] = reply.version.term
  versions[index * 2 + 1] = reply.version.seq
}
