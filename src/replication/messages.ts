/**
 * The messages of a feeds stream. The follower opens the connection and speaks first; the source
 * sends the feed that it hosts, for the datasets that both ends may store.
 *
 *   follower                                source
 *   follow(dataset, positions) ──────────▶  reads its feed from those positions on
 *              ◀──────── following(dataset)
 *              ◀──────── chunk(dataset, slot, …)   within the dataset's credit
 *   ack(dataset, slot, complete, bytes) ─▶  after the chunk is durable; gives the credit back
 *   poll(id) ────────────────────────────▶  once a second
 *              ◀──────── polled(id, behind)        the feeds that are not acked to their ends;
 *                                                  what has become complete in all regions
 *              ◀──────── replace(dataset, slot, …) a replacing snapshot, where the feed can't go on
 */
import { z } from 'zod'
import { bytesSchema } from '../protocol/schemas.ts'

const slotSchema = z.int().min(0)
const positionSchema = z.int().min(0)

/**
 * `position` null asks for a replacing snapshot. `complete`: up to where the follower has durably
 * applied everything; it lies before `position` where it stands in the middle of a range.
 */
const followSchema = z.strictObject({
  type: z.literal('follow'),
  dataset: z.string(),
  positions: z.array(
    z.strictObject({
      slot: slotSchema,
      position: positionSchema.nullable(),
      complete: positionSchema,
    }),
  ),
})
const ackSchema = z.strictObject({
  type: z.literal('ack'),
  dataset: z.string(),
  slot: slotSchema,
  /** Applied durably up to here. */
  position: positionSchema,
  /** Complete up to here. */
  complete: positionSchema,
  bytes: z.int().min(0),
})
const pollSchema = z.strictObject({ type: z.literal('poll'), id: z.int().min(1) })

export const fromFollowerSchema = z.discriminatedUnion('type', [
  followSchema,
  ackSchema,
  pollSchema,
])
export type FromFollower = z.infer<typeof fromFollowerSchema>

export const itemSchema = z.strictObject({
  position: positionSchema,
  /**
   * 1: a record, `text` its key. 2: a home marker, `text` its group. Items of one position are
   * never split over chunks: 3: a record that a transaction wrote with others. 4: an idempotency
   * record, `text` its scope. 5: an erasure, `text` the keyed hash of the group.
   */
  kind: z.literal([1, 2, 3, 4, 5]),
  text: z.string().min(1),
  bytes: bytesSchema,
})
export type FeedItem = z.infer<typeof itemSchema>

const chunkSchema = z.strictObject({
  type: z.literal('chunk'),
  dataset: z.string(),
  slot: slotSchema,
  feed: z.int().min(1),
  /** The position before the chunk: the follower must stand exactly there. */
  after: positionSchema,
  to: positionSchema,
  /** True when `to` was the feed's end in the snapshot that was read: the follower is complete. */
  complete: z.boolean(),
  items: z.array(itemSchema),
  bytes: z.int().min(0),
})
export type FeedChunk = z.infer<typeof chunkSchema>

const replaceSchema = z.strictObject({
  type: z.literal('replace'),
  dataset: z.string(),
  slot: slotSchema,
  feed: z.int().min(1),
  /** Records, markers and idempotency records whose texts are in (from, to]; null: no bound. */
  from: z.string().nullable(),
  to: z.string().nullable(),
  records: z.array(z.strictObject({ key: z.string().min(1), bytes: bytesSchema })),
  markers: z.array(z.strictObject({ group: z.string().min(1), bytes: bytesSchema })),
  idempotency: z
    .array(z.strictObject({ scope: z.string().min(1), bytes: bytesSchema }))
    .exactOptional(),
  /** All erasures of the slot, in the first part. */
  erasures: z
    .array(z.strictObject({ hash: z.string().min(1), bytes: bytesSchema }))
    .exactOptional(),
  /** The source's complete cursors of all feeds of the slot when the snapshot began. */
  cursors: z.array(z.strictObject({ feed: z.int().min(1), position: positionSchema })),
  bytes: z.int().min(0),
})
export type ReplaceChunk = z.infer<typeof replaceSchema>

const behindSchema = z.strictObject({
  dataset: z.string(),
  slot: slotSchema,
  end: positionSchema,
})
export type Behind = z.infer<typeof behindSchema>

/** The source's feed of the slot is complete up to `position` in every region that may store it. */
const everywhereSchema = z.strictObject({
  dataset: z.string(),
  slot: slotSchema,
  position: positionSchema,
})

export const fromSourceSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('following'), dataset: z.string() }),
  chunkSchema,
  replaceSchema,
  z.strictObject({
    type: z.literal('polled'),
    id: z.int().min(1),
    behind: z.array(behindSchema),
    /** What has changed since the answer before; left out where nothing has. */
    everywhere: z.array(everywhereSchema).exactOptional(),
  }),
])
export type FromSource = z.infer<typeof fromSourceSchema>
