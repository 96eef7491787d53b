/** The call `list` between regions. */
import { z } from 'zod'
import { limits } from '../model/limits.ts'
import {
  bytesSchema,
  homeSchema,
  keySchema,
  seenPointsSchema,
  versionSchema,
} from '../protocol/schemas.ts'

const seenSchema = z
  .array(z.strictObject({ slot: z.int().min(0), points: seenPointsSchema }))
  .readonly()
export const listRequestSchema = z.strictObject({
  dataset: z.string(),
  prefix: z.string(),
  after: z.string().exactOptional(),
  limit: z.int().min(1).max(limits.listItemsMax),
  values: z.boolean(),
  seen: seenSchema,
  /** As `Wanted` has them, of all slots that the list may have keys of. */
  hasRest: z.literal(true).exactOptional(),
  boundMs: z.int().min(0).exactOptional(),
  /** All keys are of this group, and only its home may answer. */
  group: z.string().min(1).exactOptional(),
  /** All keys of this group, instead of those that begin with the prefix. */
  ofGroup: z.string().min(1).exactOptional(),
})
export type PeerListRequest = z.infer<typeof listRequestSchema>

const itemSchema = z.strictObject({
  key: keySchema,
  version: versionSchema,
  mediaType: z.string(),
  value: bytesSchema.exactOptional(),
  expiresAtMs: z.int().exactOptional(),
})
export const listReplySchema = z.union([
  z.strictObject({ behind: z.literal(true) }),
  z.strictObject({ stale: z.literal(true), stalenessMs: z.number().min(0).exactOptional() }),
  z.strictObject({ kind: z.literal('elsewhere'), home: homeSchema }),
  z.strictObject({
    items: z.array(itemSchema),
    next: keySchema.exactOptional(),
    stalenessMs: z.number().min(0).exactOptional(),
  }),
])
export type PeerListReply = z.infer<typeof listReplySchema>
export type PeerPage = Extract<PeerListReply, { items: unknown }>
