/**
 * What regions ask each other when they compare their copies of a dataset:
 *
 *   compare.digests(states)      ──▶ where the two are at the same place and differ, where apart
 *   compare.page(slot, digest)   ──▶ the same, or the heads that the other has there
 *   compare.witness(records)     ──▶ what the other has of them, and whether its index names them
 *
 * A record itself is asked for as a copy that takes a damaged one's place is. Regions that may
 * store the dataset ask, and nobody else: even a hash says something.
 */
import { z } from 'zod'
import { bytesSchema, versionSchema } from '../protocol/schemas.ts'

const count = z.int().min(0)
const position = z.int().min(0)
const sum = z.string().regex(/^[0-9a-f]{16}$/)
const bound = z.string().min(1).nullable()

export const digestsRequestSchema = z.strictObject({ dataset: z.string(), states: bytesSchema })
export const digestsReplySchema = z.strictObject({
  different: z.array(count),
  apart: z.array(count),
})

export const pageRequestSchema = z.strictObject({
  ...{ dataset: z.string(), slot: count, after: bound, upTo: bound },
  ...{ sum, records: count },
})
const headSchema = z.strictObject({
  ...{ key: z.string().min(1), version: versionSchema, feed: z.int().min(1) },
  ...{ tombstone: z.boolean(), checksum: sum },
})
export const pageReplySchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('same') }),
  z.strictObject({
    kind: z.literal('heads'),
    upTo: bound,
    heads: z.array(headSchema),
    cursors: z.array(z.strictObject({ feed: z.int().min(1), position })),
  }),
])

export const witnessRequestSchema = z.strictObject({
  ...{ dataset: z.string(), slot: count },
  records: z.array(z.strictObject({ key: z.string().min(1), feed: z.int().min(1), position })),
})
const heldSchema = z.discriminatedUnion('state', [
  z.strictObject({ state: z.literal(['absent', 'damaged']) }),
  z.strictObject({ state: z.literal('sound'), version: versionSchema, checksum: sum }),
])
export const witnessReplySchema = z.array(
  z.strictObject({ held: heldSchema, names: z.boolean(), complete: position }),
)
