/**
 * Every limit of Denizen in one place. Anything that grows has a bound here, and the relations
 * between bounds are asserted below, so that changing one can't silently break another.
 */
import { assert } from './assert.ts'

export const limits = {
  /** UTF-8 bytes of a key. */
  keyBytesMax: 1_024,
  /** Bytes of a value as it was put. */
  valueBytesMax: 8 * 1024 * 1024,
  /** Bytes of a media type (`Content-Type`) kept with a value. */
  mediaTypeBytesMax: 255,
  /** Bytes of any request body that is not one value: batches. */
  bodyBytesMax: 16 * 1024 * 1024,
  /** Operations in one `/v1/batch` body. */
  batchOpsMax: 10_000,
  /** Items in one page of a list. */
  listItemsMax: 1_000,
  listItemsDefault: 100,
  /** Bytes of values in one page of a list; a page ends early rather than grow past it. */
  listBytesMax: 4 * 1024 * 1024,

  /** Hash slots of a dataset, fixed when it is created. */
  slots: 64,
  /** Store files of one dataset, and of all datasets together. */
  storesPerDatasetMax: 8,
  storesPerNodeMax: 512,

  /** Bytes of one frame between nodes; larger messages are split. */
  frameBytesMax: 256 * 1024,
  /** Bytes of one message between nodes, after its frames are joined. */
  messageBytesMax: 24 * 1024 * 1024,
  /** Bytes of feed changes in flight per dataset and stream, given back on durable apply. */
  streamCreditBytes: 4 * 1024 * 1024,
  /** Target size of one chunk of a feed. */
  chunkBytesMax: 192 * 1024,
  /** Polls of a stream that have not been answered; more are not sent. */
  pollsInFlightMax: 8,
  /** Calls in flight to one peer; more are refused, not queued. */
  callsInFlightMax: 4_096,
  /** Bytes of the first frame of a connection, before the other end is known. */
  helloBytesMax: 4 * 1024,
  /**
   * Bytes queued on one connection to a peer; more calls are refused, more stream messages fail.
   */
  linkQueueBytesMax: 64 * 1024 * 1024,
  /** Messages of more than one frame that are under way on one connection; further ones wait. */
  interleavedMessagesMax: 8,
  /** Connections that nodes hold open to us, known or not yet known. */
  peerConnectionsMax: 512,
  /** Groups in one claim message. */
  claimsPerMessageMax: 4_096,
  /** Groups whose home is remembered in memory by a region that does not store them. */
  locationCacheEntriesMax: 65_536,
  /** Nesting depth and item count of a CBOR or JSON body from a client. */
  cborDepthMax: 64,
  /** Nesting depth of a message between nodes: a body and the envelopes around it. */
  messageDepthMax: 80,
  /** Bytes of an encoded session token. */
  sessionTokenBytesMax: 2_048,
} as const

export const timing = {
  /** How often a follower polls, and a node pings each peer. */
  pollIntervalMs: 1_000,
  pingIntervalMs: 300,
  /** A peer that has not answered for this long is unreachable. */
  peerSilenceMaxMs: 1_200,
  /** A call to a peer whose answer is awaited before the request fails. */
  callTimeoutMs: 1_500,
  /** Pauses between attempts to connect to a peer. */
  reconnectMinMs: 50,
  reconnectMaxMs: 1_000,
  /** Opening a connection to a peer, and then the exchange of hellos on it. */
  connectTimeoutMs: 1_500,
  helloTimeoutMs: 1_500,
} as const

assert(limits.valueBytesMax < limits.messageBytesMax, 'a value fits one message between nodes')
assert(limits.bodyBytesMax < limits.messageBytesMax, 'a batch fits one message between nodes')
assert(limits.chunkBytesMax < limits.frameBytesMax, 'a chunk of small records fits one frame')
assert(limits.chunkBytesMax < limits.streamCreditBytes, 'a chunk fits the credit of a stream')
assert(limits.messageBytesMax < limits.linkQueueBytesMax, 'a message fits the queue of a link')
assert(limits.cborDepthMax < limits.messageDepthMax, 'a body fits the envelope of a message')
assert(timing.pingIntervalMs * 2 < timing.peerSilenceMaxMs, 'one lost ping is not an outage')
