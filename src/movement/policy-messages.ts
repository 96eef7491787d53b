/** The call `policy` between regions: what they ask of each other while the policy changes. */
import { z } from 'zod'
import { phases } from '../model/policy-change.ts'
import { leftCopySchema } from '../model/policy-change-view.ts'

const step = { policyEpoch: z.int().min(1), phase: z.enum(phases) }
const ofDataset = { ...step, dataset: z.string() }
const groupHomeSchema = z.strictObject({
  ...{ region: z.int(), feed: z.int(), term: z.int().min(0) },
  moved: z.literal(true).exactOptional(),
})
const placeSchema = z.strictObject({ store: z.int().min(0), after: z.string().nullable() })
export type Place = z.infer<typeof placeSchema>

export const policyRequestSchema = z.discriminatedUnion('kind', [
  /** From the keeper: has this region come to the end of the phase? */
  z.strictObject({ kind: z.literal('progress'), ...step }),
  /** Where the feeds of the asked region end, by slot, now that it acts by this phase or later. */
  z.strictObject({ kind: z.literal('ends'), ...ofDataset }),
  /** From a registrar to the one before: what that has granted, of the slots that go over. */
  z.strictObject({ kind: z.literal('granted'), ...ofDataset, from: placeSchema }),
])

export const progressSchema = z.strictObject({
  done: z.boolean(),
  /** For people. */
  waitsFor: z.string().exactOptional(),
  leftCopies: z.array(leftCopySchema),
})
export type Progress = z.infer<typeof progressSchema>

export const endsSchema = z.strictObject({ ends: z.array(z.int().min(0)) })

export const grantedSchema = z.strictObject({
  homes: z.array(z.strictObject({ group: z.string().min(1), home: groupHomeSchema })),
  /** Where to go on; null: this was all. */
  next: placeSchema.nullable(),
})
