/** Schemas that several messages between nodes share. */
import { z } from 'zod'
import { isErrorCode } from '../model/error-kinds.ts'
import type { WireError } from '../model/errors.ts'
import { parseKey } from '../model/key.ts'

export const bytesSchema = z.custom<Uint8Array>(value => value instanceof Uint8Array)
export const keySchema = z.string().transform(parseKey)
export const versionSchema = z.strictObject({ term: z.int().min(0), seq: z.int().min(0) })
export const homeSchema = z.strictObject({ region: z.string(), term: z.int().min(0) })
export const seenPointsSchema = z
  .array(z.strictObject({ feed: z.int().min(0), position: z.int().min(0) }))
  .readonly()

export const wireErrorSchema: z.ZodType<WireError> = z.strictObject({
  code: z.string().refine(isErrorCode),
  detail: z.string(),
  applied: z.enum(['yes', 'no', 'unknown']),
  retry: z.enum(['safe', 'with-idempotency-key', 'no']),
  extra: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.array(z.string())])),
})
