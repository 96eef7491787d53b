/**
 * Plain writes and their replies as bytes, for the way to another thread: what a MessagePort does
 * to a message of objects costs three times what it does to one of bytes, and half of all single
 * writes take that way. What is not plain, or of another kind, travels as it is.
 *
 *   request   id u53 | now u53 (ms) | dataset u16 | store u16 | media type u16 | key bytes u16 |
 *             value bytes u32, or 2^32 - 1 to delete | key | value
 *   reply     id u53 | term u53 | seq u53 | home's term u53 | feed u32 | home u16 | slot u16 |
 *             1 written, 2 deleted | 1 if created
 *
 * Numbers of texts are those of `texts`, u53 are eight bytes; all are big-endian. Requests keep
 * their order: one without a key, which no write is, stands for the next of `others`.
 */
import type { KnownHome } from '../execution/home.ts'
import type { FeedPoint } from '../execution/operation.ts'
import type { WriteReply, WriteRequest } from '../execution/operations/write.ts'
import { assert } from '../model/assert.ts'
import { utf8Into } from '../model/bytes.ts'
import type { Key } from '../model/key.ts'
import type { Version } from '../model/version.ts'
import { readU32, readU53, writeU32, writeU53 } from '../storage/rows.ts'
import type { ShardReply, ShardRequest } from '../storage/shard-requests.ts'

/** Either of requests or of replies. */
export interface Packed<T> {
  readonly bytes: Uint8Array
  readonly texts: readonly string[]
  readonly others: readonly T[]
}

const requestHeadBytes = 28
const replyBytes = 42
const deletes = 2 ** 32 - 1
/** Larger values are better off where they are. */
const valueBytesMax = 16 * 1024
const [written, deleted] = [1, 2]

/** Memory that is used again, and the texts that it names. */
class Packer {
  bytes = new Uint8Array(64 * 1024)
  end = 0
  readonly texts: string[] = []

  begin(): void {
    this.end = 0
    this.texts.length = 0
  }

  /** Makes room. Returns where it begins. */
  room(bytes: number): number {
    if (this.end + bytes > this.bytes.length) {
      const grown = new Uint8Array(2 * (this.end + bytes))
      grown.set(this.bytes.subarray(0, this.end))
      this.bytes = grown
    }
    return this.end
  }

  textNumber(text: string): number {
    const known = this.texts.indexOf(text)
    return known < 0 ? this.texts.push(text) - 1 : known
  }

  packed<T>(others: readonly T[]): Packed<T> {
    return { bytes: this.bytes.slice(0, this.end), texts: [...this.texts], others }
  }
}

const packer = new Packer()

export function packRequests(requests: readonly ShardRequest[]): Packed<ShardRequest> {
  packer.begin()
  return packer.packed(
    requests.filter(request => {
      if (packRequest(request)) return false
      const at = packer.room(requestHeadBytes)
      packer.bytes.fill(0, at, at + requestHeadBytes)
      packer.end = at + requestHeadBytes
      return true
    }),
  )
}

/** False where it has to travel as it is. */
function packRequest({ id, dataset, store, name, body }: ShardRequest): boolean {
  if (name !== 'write') return false
  // A `ShardClient` has checked its type.
  const { key, value, precondition, nowMs, idempotency, claimed, entry } = body as WriteRequest
  if (idempotency ?? claimed ?? entry ?? precondition.ifMatch ?? precondition.ifNoneMatch)
    return false
  if (value && (value.ttlMs !== undefined || value.bytes.length > valueBytesMax)) return false
  const at = packer.room(requestHeadBytes + 3 * key.length + (value?.bytes.length ?? 0))
  const { bytes } = packer
  const keyAt = at + requestHeadBytes
  const keyEnd = utf8Into(bytes, keyAt, key)
  writeU53(bytes, at, id)
  writeU53(bytes, at + 8, nowMs)
  writeU16(bytes, at + 16, packer.textNumber(dataset))
  writeU16(bytes, at + 18, store)
  writeU16(bytes, at + 20, packer.textNumber(value?.mediaType ?? ''))
  writeU16(bytes, at + 22, keyEnd - keyAt)
  writeU32(bytes, at + 24, value ? value.bytes.length : deletes)
  if (value) bytes.set(value.bytes, keyEnd)
  packer.end = keyEnd + (value?.bytes.length ?? 0)
  return true
}

export function unpackRequests({ bytes, texts, others }: Packed<ShardRequest>): ShardRequest[] {
  const requests: ShardRequest[] = []
  let nextOther = 0
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let at = 0; at < bytes.length; ) {
    const keyAt = at + requestHeadBytes
    const keyEnd = keyAt + readU16(bytes, at + 22)
    if (keyEnd === keyAt) {
      const other = others[nextOther++]
      assert(other, 'a packed message has what could not be packed')
      requests.push(other)
      at = keyEnd
      continue
    }
    const valueBytes = readU32(bytes, at + 24)
    const end = valueBytes === deletes ? keyEnd : keyEnd + valueBytes
    const mediaType = textOf(texts, readU16(bytes, at + 20))
    const body: WriteRequest = {
      // It was one before it was packed.
      key: buffer.toString('utf8', keyAt, keyEnd) as Key,
      value: valueBytes === deletes ? undefined : { bytes: bytes.subarray(keyEnd, end), mediaType },
      precondition: {},
      nowMs: readU53(bytes, at + 8),
    }
    const dataset = textOf(texts, readU16(bytes, at + 16))
    const store = readU16(bytes, at + 18)
    requests.push({ id: readU53(bytes, at), dataset, store, name: 'write', body })
    at = end
  }
  return requests
}

export function packReplies(replies: readonly ShardReply[]): Packed<ShardReply> {
  packer.begin()
  return packer.packed(replies.filter(reply => !packReply(reply)))
}

function packReply(reply: ShardReply): boolean {
  if ('error' in reply || !isWritten(reply.body)) return false
  const { kind, version, created, point, home, run } = reply.body
  if (run || point.position !== version.seq) return false
  const at = packer.room(replyBytes)
  const { bytes } = packer
  writeU53(bytes, at, reply.id)
  writeU53(bytes, at + 8, version.term)
  writeU53(bytes, at + 16, version.seq)
  writeU53(bytes, at + 24, home.term)
  writeU32(bytes, at + 32, point.feed)
  writeU16(bytes, at + 36, packer.textNumber(home.region))
  writeU16(bytes, at + 38, point.slot)
  bytes[at + 40] = kind === 'written' ? written : deleted
  bytes[at + 41] = created ? 1 : 0
  packer.end = at + replyBytes
  return true
}

/** Replies of other operations have other kinds, or none. */
function isWritten(body: unknown): body is Extract<WriteReply, { kind: 'written' | 'deleted' }> {
  if (typeof body !== 'object' || body === null || !('kind' in body)) return false
  return (body.kind === 'written' || body.kind === 'deleted') && 'point' in body && 'home' in body
}

export function unpackReplies({ bytes, texts, others }: Packed<ShardReply>): ShardReply[] {
  const replies = [...others]
  for (let at = 0; at < bytes.length; at += replyBytes) {
    const version: Version = { term: readU53(bytes, at + 8), seq: readU53(bytes, at + 16) }
    const home: KnownHome = {
      region: textOf(texts, readU16(bytes, at + 36)),
      term: readU53(bytes, at + 24),
    }
    const point: FeedPoint = {
      slot: readU16(bytes, at + 38),
      feed: readU32(bytes, at + 32),
      position: version.seq,
    }
    const kind = bytes[at + 40] === written ? 'written' : 'deleted'
    const body: WriteReply = { kind, version, created: bytes[at + 41] === 1, point, home }
    replies.push({ id: readU53(bytes, at), body })
  }
  return replies
}

function textOf(texts: readonly string[], number: number): string {
  const text = texts[number]
  assert(text !== undefined, 'a packed message has its texts')
  return text
}

function writeU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8
  bytes[at + 1] = value
}

const readU16 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
