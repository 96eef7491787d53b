/** The call `registrar` between regions. */
import { z } from 'zod'
import { limits } from '../model/limits.ts'

const homeSchema = z.strictObject({
  ...{ region: z.int(), feed: z.int(), term: z.int().min(0) },
  moved: z.literal(true).exactOptional(),
})
export const repliesSchema = z.array(homeSchema.nullable())
export const requestSchema = z.strictObject({
  dataset: z.string(),
  epoch: z.int().min(1),
  kind: z.enum(['claim', 'lookup', 'move', 'inherit']),
  groups: z.array(z.string()).max(limits.claimsPerMessageMax),
  /** Of a move: the term that it follows. Of a claim: that of an erasure, if there was one. */
  fromTerm: z.int().min(0).exactOptional(),
})
export type RegistrarCall = z.infer<typeof requestSchema>
