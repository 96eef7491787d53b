/** The call `rehome` between regions: what the two sides of a move, and operators, say. */
import { z } from 'zod'
import { homeSchema } from '../protocol/schemas.ts'

const of = { dataset: z.string(), group: z.string().min(1) }
const endsSchema = z.array(z.strictObject({ feed: z.int().min(1), position: z.int().min(0) }))

export const rehomeRequestSchema = z.discriminatedUnion('kind', [
  /** From a home to the region that is to follow: how many changes it lacks of these feeds. */
  z.strictObject({ kind: z.literal('lag'), ...of, ends: endsSchema }),
  /** From the home that has stopped under a term to the next: take over, and say who is home. */
  z.strictObject({ kind: z.literal('take'), ...of, term: z.int().min(0) }),
  /** From any region to the home: an operator wants the group to move. */
  z.strictObject({ kind: z.literal('move'), ...of, to: z.string() }),
])
export type RehomeRequest = z.infer<typeof rehomeRequestSchema>

export const lagReplySchema = z.strictObject({ changes: z.int().min(0) })
/** null: nobody is home as yet, or it is not known here. */
export const takeReplySchema = z.strictObject({ home: homeSchema.nullable() })

/** What came of an operator's wish, or where the home is. */
export const moveReplySchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('moved'), from: z.string(), home: homeSchema }),
  z.strictObject({ kind: z.literal('elsewhere'), home: homeSchema }),
])
export type MoveReply = z.infer<typeof moveReplySchema>
