/** A change of the policy as operators see it. */
import { z } from 'zod'
import { phases } from './policy-change.ts'

const count = z.int().min(0)
const timeMs = z.int().meta({ description: 'Wall-clock ms' })

/** What a region that leaves a dataset had of it, once nothing was added any more. */
export const leftCopySchema = z.strictObject({
  dataset: z.string(),
  region: z.string(),
  /** Of the region's own feed, by slot. */
  ends: z.array(count),
  /** It stores the dataset no more; else it only is no home of it any more. */
  isErased: z.boolean(),
  records: count,
  bytes: count,
  /** Of all its records, hexadecimal. */
  digest: z.string(),
})
export type LeftCopy = z.infer<typeof leftCopySchema>

/** The change that brought the policy in force. */
export const lastChangeSchema = z.strictObject({
  policyEpoch: count,
  beganMs: timeMs,
  endedMs: timeMs,
  leftCopies: z.array(leftCopySchema),
  /** By dataset: the regions that store it now and did not before. */
  gained: z.record(z.string(), z.array(z.string())),
})

export const policyChangeViewSchema = z.object({
  policyEpoch: count.meta({ description: 'Of the policy in force' }),
  next: z
    .object({
      policyEpoch: count,
      phase: z.enum(phases),
      beganMs: timeMs,
      regions: z.array(
        z.object({
          region: z.string(),
          done: z.boolean().meta({ description: 'It has come to the end of the phase' }),
          waitsFor: z.string().exactOptional(),
        }),
      ),
    })
    .exactOptional()
    .meta({ description: 'The change under way' }),
  lastChange: lastChangeSchema.exactOptional(),
})
export type PolicyChangeView = z.infer<typeof policyChangeViewSchema>
