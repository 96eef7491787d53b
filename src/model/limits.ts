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
  /**
   * Requests under way in one thread, and bytes of their bodies. Writes that wait for the disk make
   * up the former. Under overload each turn of the event loop refuses what has come, and a commit
   * takes two turns: so many are served in that time (512: 0.4 of the peak, 1,024: 0.6), and wait
   * for each other about 0.2 s.
   */
  requestsInFlightMax: 1_024,
  bodyBytesInFlightMax: 128 * 1024 * 1024,
  /** The same of replies that are being sent, if they are too large to be sent in one piece. */
  replyBytesInFlightMax: 128 * 1024 * 1024,
  shortReplyBytes: 64 * 1024,
  /** What a body counts as whose length is not declared. */
  undeclaredBodyBytes: 8 * 1024 * 1024,
  /** Operations in one `/v1/batch` body. */
  batchOpsMax: 10_000,
  /** Bytes of one item of a streamed batch: a value in base64url, its key and what is around. */
  streamItemBytesMax: 12 * 1024 * 1024,
  /** Operations and bytes of a streamed batch that run at a time; as many are read meanwhile. */
  streamChunkOpsMax: 2_000,
  streamChunkBytesMax: 1024 * 1024,
  /** Bytes of results that wait for a client of a stream to read them. */
  unreadResultsBytesMax: 1024 * 1024,
  /** Conditions of a transaction, and operations of each of its two branches. */
  transactionOpsMax: 128,
  /** Bytes of values that one branch of a transaction writes, and of those that it reads. */
  transactionBytesMax: 8 * 1024 * 1024,
  /** Bytes of an `Idempotency-Key`, and of the encoded name of who sends it. */
  idempotencyKeyBytesMax: 255,
  principalBytesMax: 256,
  /** Idempotency records of one slot of a dataset; at the cap further ones are refused. */
  idempotencyRecordsPerSlotMax: 1_048_576,
  /** Expired rows that one turn of a shard removes. */
  expiryRowsPerTurn: 256,
  /** Such turns in a row for one store: the next sweep goes on from there. */
  expiryTurnsPerSweep: 32,
  /** Values that one thread keeps at hand with their replies, and bytes of each. */
  hotValuesMax: 20_480,
  hotValueBytesMax: 1_024,
  /** The same of a dataset, for requests that read many. */
  recentAnswersMax: 16_384,
  /** Items in one page of a list. */
  listItemsMax: 1_000,
  listItemsDefault: 100,
  /** Bytes of values in one page of a list; a page ends early rather than grow past it. */
  listBytesMax: 4 * 1024 * 1024,
  /** Rows of a store that one page of a list looks at, tombstones included. */
  listRowsMax: 4_096,
  /** Watches open in one thread of a node. */
  watchesPerThreadMax: 16_384,
  /** Keys of a store whose latest changes are remembered for watches, once there was one. */
  changeIndexKeysMax: 16_384,
  /** Changed keys that a store names at a time, but for those of one commit. */
  changedKeysPerReply: 1_024,
  /** Values in bytes that a watch reads at a time, beyond the first. */
  watchBytesMax: 256 * 1024,

  /** Hash slots of a dataset, fixed when it is created. */
  slots: 64,
  /** Store files of one dataset, and of all datasets together. */
  storesPerDatasetMax: 8,
  storesPerNodeMax: 512,

  /**
   * Bytes of the disk that values are not put into: they are for deletions, for claims of homes by
   * other regions, and for what the node writes about itself. The last of them are for that alone.
   */
  diskReserveBytes: 64 * 1024 * 1024,
  diskLastReserveBytes: 16 * 1024 * 1024,

  /** A scrub verifies so much of a store at a time: the store answers others in between. */
  scrubRowsPerSlice: 256,
  scrubBytesPerSlice: 1024 * 1024,
  /** Damaged records that are remembered until they are repaired, and repaired at a time. */
  repairsWaitingMax: 10_000,
  repairsAtOnce: 16,

  /** Bytes of a row's key in a store: what a page of LMDB can index. */
  rowKeyBytesMax: 1_978,
  /**
   * Bytes and rows of an overlay, of which a store has two: what waits in its log for LMDB. More
   * make LMDB write each of its pages for more rows, but take memory while the store is written.
   */
  overlayBytesMax: 16 * 1024 * 1024,
  overlayRowsMax: 2 ** 17,
  /** Bytes of one of the two files of a store's log, up to one commit more. */
  logSegmentBytesMax: 32 * 1024 * 1024,
  /** Bytes of a commit that goes by way of the log; larger ones go to LMDB at once. */
  logCommitBytesMax: 4 * 1024 * 1024,
  /** Rows and bytes of one of the transactions in which a checkpoint writes an overlay to LMDB. */
  checkpointRowsMax: 2_048,
  checkpointBytesMax: 1024 * 1024,

  /** Bytes of one frame of a backup's file, compressed or not: a block and one row more. */
  backupFrameBytesMax: 32 * 1024 * 1024,
  /** Bytes of a backup that was read from the stores and waits for its client. */
  backupAheadBytesMax: 8 * 1024 * 1024,

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
  /** Relays that are asked in vain, one after the other, before a request gives up. */
  relaysTriedMax: 2,
  /** Groups in one claim message. */
  claimsPerMessageMax: 4_096,
  /** Groups whose home is remembered in memory by a region that does not store them. */
  locationCacheEntriesMax: 65_536,
  /** Groups of a store whose latest writers are remembered, where its policy re-homes them. */
  accessRunsMax: 16_384,
  /** Groups of a dataset whose writes one thread has wait, as they are about to move elsewhere. */
  heldGroupsMax: 256,
  /** Groups that a region moves away at a time; more wait, and beyond that are not moved. */
  movesAtOnce: 16,
  movesWaitingMax: 256,
  /** The same of groups that a change of the policy moves. */
  policyMovesAtOnce: 64,
  /** Changes that a region may lack of a group's feeds when the group is to move there. */
  moveLagChangesMax: 1_000,
  /** Groups between two homes that a node looks after; others wait for who asks for them. */
  unsettledGroupsMax: 65_536,
  /** Home markers that are looked at in one turn for groups between two homes. */
  markersPerTurn: 1_024,
  /** Nesting depth and item count of a CBOR or JSON body from a client. */
  cborDepthMax: 64,
  /** Nesting depth of a message between nodes: a body and the envelopes around it. */
  messageDepthMax: 80,
  /** Bytes of an encoded session token. */
  sessionTokenBytesMax: 2_048,
  /** Sessions that a thread remembers, so that their tokens are verified once in a while. */
  sessionsRememberedMax: 1_024,

  /**
   * Bytes of an access file or of a file of keys, and tokens in one: what the main thread parses
   * without falling silent for its peers.
   */
  accessFileBytesMax: 512 * 1024,
  tokensMax: 1_000,
  /** Scopes of a token, of a JWT, of requests without either. */
  scopesPerCallerMax: 64,
  /** Bytes of an Authorization header; longer ones are no credentials of ours. */
  credentialsBytesMax: 8 * 1024,
  /** Verified tokens and JWTs that a thread remembers. */
  callersRememberedMax: 8_192,
  /** Requests per second that a rate may permit. */
  ratePerSecondMax: 1_000_000,
} as const

export const timing = {
  /** What a store's log holds is in LMDB, and the log's memory free, about so long after. */
  checkpointIntervalMs: 5_000,
  /** How long writes gather at most before the commit that takes them begins. */
  gatherMaxMs: 1,
  /** How often a follower polls, and a node pings each peer. */
  pollIntervalMs: 1_000,
  pingIntervalMs: 300,
  /** A peer that has not answered for this long is unreachable. */
  peerSilenceMaxMs: 1_200,
  /** A call to a peer whose answer is awaited before the request fails. */
  callTimeoutMs: 1_500,
  /** A relay that could not reach a region is not asked again for so long. */
  deadEndMs: 1_000,
  /** How long a home waits, after its own disk, for other regions to have a write too. */
  acksWaitMaxMs: 1_000,
  /**
   * Re-homing: how long the next home waits for what it lacks, how long the one that has stopped
   * waits for it, and how long an operation that met them waits for the end.
   */
  ...{ takeHomeMaxMs: 700, handOverMaxMs: 1_000, betweenHomesMaxMs: 700 },
  /** A region that is asked to move a group answers when the move is over. */
  moveAskedMaxMs: 8_000,
  /** How far a change of the policy is: how often the keeper asks, and regions look. */
  policyLookMs: 100,
  /** A request that it came between: how often, and how long, it is tried again. */
  ...{ policyRetryMs: 25, policyRetryMaxMs: 3_000 },
  /** How often a copy is looked at meanwhile, at first and at most. */
  ...{ copyLookMinMs: 2, copyLookMaxMs: 50 },
  /** A group that its writers have moved stays at least so long. */
  moveRestMs: 10_000,
  /** How often groups that were left between two homes are looked after. */
  unsettledIntervalMs: 1_000,
  /** How long the writes of a group are held at most, and how often one looks whether they are. */
  ...{ holdMaxMs: 60_000, heldLookMs: 25 },
  /** How often a node looks for stores that erasures ask it to write anew. */
  erasureLookMs: 30_000,
  /** How long an erasure waits for all regions before it says which are open. */
  erasureWaitMaxMs: 10_000,
  /** Pauses between attempts to connect to a peer. */
  reconnectMinMs: 50,
  reconnectMaxMs: 1_000,
  /** A body that is read whole: 16 MiB over a line of 0.5 Mbit/s. */
  bodyMaxMs: 300_000,
  /** A client that takes nothing of a large reply for this long is cut off. */
  replyUnreadMaxMs: 60_000,
  /** A client of a stream that neither sends nor reads for this long is cut off. */
  streamIdleMaxMs: 60_000,
  /** The same once it has left as many results unread as may wait. */
  streamUnreadMaxMs: 10_000,
  /** A backup whose client takes nothing for this long is given up: its snapshot holds pages. */
  backupUnreadMaxMs: 60_000,
  /**
   * A thread whose timers, looked at so often, all run later than that for so long has more to do
   * than it can.
   */
  ...{ lateTimersLookMs: 50, lateTimerMs: 500, lateTimersMs: 2_000 },
  /** Opening a connection to a peer, and then the exchange of hellos on it. */
  connectTimeoutMs: 1_500,
  helloTimeoutMs: 1_500,
  /** When a node first verifies all that it stores, how often, and its rest between two slices. */
  scrubFirstMs: 3_600_000,
  scrubIntervalMs: 7 * 86_400_000,
  scrubPauseMs: 100,
  /** The same rest where an operator waits. */
  scrubAskedPauseMs: 2,
  /** How often damaged records that could not be repaired are tried again. */
  repairIntervalMs: 1_000,
  /** How often a watch shows that it is alive. */
  watchHeartbeatMs: 15_000,
  /** How often a node looks for what has expired. */
  expiryIntervalMs: 1_000,
  /** The longest life that a value can be given: a hundred years of 365 days. */
  ttlMaxMs: 100 * 365 * 86_400_000,
  /**
   * How long an idempotency record is kept: the 24 hours that are promised, and one more, because
   * the clocks of two regions may differ.
   */
  idempotencyKeptMs: 25 * 3_600_000,
  /** Within this a reason for refusing connections is warned about once. */
  refusalWarningsMs: 60_000,
  /** How often TLS files are read, to see whether they were replaced. */
  tlsFilesIntervalMs: 10_000,
  /** How often a node looks whether its access file has changed. */
  accessPollMs: 1_000,
  /** How often what datasets hold is counted anew, to be compared with their quotas. */
  usageIntervalMs: 1_000,
  /** A remembered session is looked at anew after this: less of it may have to be named. */
  sessionRememberedMs: 1_000,
  /** A verified JWT is verified anew after this, so that keys taken back are noticed. */
  jwtRememberedMs: 300_000,
} as const

assert(limits.keyBytesMax < limits.rowKeyBytesMax, 'a key fits a row key')
assert(limits.logCommitBytesMax * 2 <= limits.overlayBytesMax, 'an overlay holds a few commits')
assert(limits.diskLastReserveBytes < limits.diskReserveBytes, 'deletions go on for longer')
assert(limits.listItemsMax <= limits.listRowsMax, 'a page without tombstones is full')
assert(timing.watchHeartbeatMs * 2 < timing.streamIdleMaxMs, 'who reads a watch is never idle')
assert(Number.isInteger(Math.log2(limits.overlayRowsMax)), 'a table of rows is masked, not divided')
assert(limits.valueBytesMax * 2 < limits.backupFrameBytesMax, 'a value fits a frame of a backup')
assert(limits.bodyBytesMax <= limits.bodyBytesInFlightMax, 'an idle thread takes any body')
assert(
  limits.valueBytesMax * 8 <= limits.replyBytesInFlightMax,
  'a few slow readers hold up nobody',
)
assert(limits.valueBytesMax <= limits.undeclaredBodyBytes, 'a value counts as itself at least')
assert(limits.valueBytesMax < limits.messageBytesMax, 'a value fits one message between nodes')
assert(limits.bodyBytesMax < limits.messageBytesMax, 'a batch fits one message between nodes')
assert(limits.valueBytesMax * 1.4 < limits.streamItemBytesMax, 'a value in base64url fits an item')
assert(limits.streamItemBytesMax < limits.messageBytesMax, 'an item fits one message between nodes')
assert(timing.streamUnreadMaxMs < timing.streamIdleMaxMs, 'unread results are the graver case')
assert(limits.transactionBytesMax <= limits.valueBytesMax, 'a transaction fits where a value does')
assert(limits.chunkBytesMax < limits.frameBytesMax, 'a chunk of small records fits one frame')
assert(limits.chunkBytesMax < limits.streamCreditBytes, 'a chunk fits the credit of a stream')
assert(limits.messageBytesMax < limits.linkQueueBytesMax, 'a message fits the queue of a link')
assert(limits.cborDepthMax < limits.messageDepthMax, 'a body fits the envelope of a message')
assert(timing.takeHomeMaxMs < timing.handOverMaxMs, 'who is to take a group answers in time')
assert(timing.handOverMaxMs < timing.callTimeoutMs, 'a call that meets a move is answered')
assert(timing.betweenHomesMaxMs < timing.callTimeoutMs, 'an operation that waits is answered')
assert(timing.pingIntervalMs * 2 < timing.peerSilenceMaxMs, 'one lost ping is not an outage')
