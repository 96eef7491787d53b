/** The call `execute` between regions: operations, and what came of each. */
import { z } from 'zod'
import { DenizenError } from '../model/errors.ts'
import { timing } from '../model/limits.ts'
import {
  bytesSchema,
  homeSchema,
  keySchema,
  seenPointsSchema,
  versionSchema,
  wireErrorSchema,
} from '../protocol/schemas.ts'

const idempotencyKey = z.string().min(1).exactOptional()
const wantedSchema = z.union([versionSchema, z.literal('*')])
const preconditionSchema = z.strictObject({
  ifMatch: wantedSchema.exactOptional(),
  ifNoneMatch: wantedSchema.exactOptional(),
})
const get = z.strictObject({ kind: z.literal('get'), key: keySchema })
const put = z.strictObject({
  kind: z.literal('put'),
  key: keySchema,
  value: bytesSchema,
  mediaType: z.string(),
  ttlMs: z.int().min(1).max(timing.ttlMaxMs).exactOptional(),
})
const remove = z.strictObject({ kind: z.literal('delete'), key: keySchema })

const writeMembers = { precondition: preconditionSchema, idempotencyKey }
const branchSchema = z.array(z.discriminatedUnion('kind', [get, put, remove])).readonly()
const conditionSchema = z.strictObject({
  key: keySchema,
  exists: z.boolean().exactOptional(),
  ifMatch: versionSchema.exactOptional(),
  value: z.strictObject({ bytes: bytesSchema, mediaType: z.string() }).exactOptional(),
})
const operationSchema = z.discriminatedUnion('kind', [
  get,
  put.extend(writeMembers),
  remove.extend(writeMembers),
  z.strictObject({
    kind: z.literal('transaction'),
    key: keySchema,
    conditions: z.array(conditionSchema).readonly(),
    success: branchSchema,
    failure: branchSchema,
    idempotencyKey,
  }),
])
export const executeRequestSchema = z.strictObject({
  dataset: z.string(),
  steps: z.array(
    z.strictObject({
      operation: operationSchema,
      as: z.enum(['home', 'candidate', 'copy']),
      seen: seenPointsSchema,
      hasRest: z.literal(true).exactOptional(),
      boundMs: z.int().min(0).exactOptional(),
      principal: z.string().exactOptional(),
      acks: z.int().min(2).exactOptional(),
    }),
  ),
})

const pointSchema = z.strictObject({ slot: z.int(), feed: z.int(), position: z.int().min(0) })
const receiptSchema = z.strictObject({
  home: z.string().exactOptional(),
  servedBy: z.string(),
  role: z.enum(['home', 'replica']),
  stalenessMs: z.number().min(0).exactOptional(),
})
const found = z.strictObject({
  kind: z.literal('found'),
  version: versionSchema,
  mediaType: z.string(),
  value: bytesSchema,
})
const absent = z.strictObject({ kind: z.literal('absent') })
const written = z.strictObject({
  kind: z.literal('written'),
  version: versionSchema,
  created: z.boolean(),
})
const deleted = z.strictObject({ kind: z.literal('deleted'), version: versionSchema })

const received = { receipt: receiptSchema }
const outcomeSchema = z.discriminatedUnion('kind', [
  found.extend(received),
  absent.extend(received),
  written.extend(received),
  deleted.extend(received),
  z.strictObject({
    kind: z.literal('transacted'),
    succeeded: z.boolean(),
    results: z.array(z.discriminatedUnion('kind', [found, absent, written, deleted])),
    receipt: receiptSchema,
  }),
  z.strictObject({
    kind: z.literal('failed'),
    error: wireErrorSchema.transform(wire => DenizenError.fromWire(wire)),
    receipt: receiptSchema.exactOptional(),
  }),
])
export const executeReplySchema = z.array(
  z.discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('done'),
      outcome: outcomeSchema,
      home: homeSchema.exactOptional(),
      point: pointSchema.exactOptional(),
    }),
    z.strictObject({ kind: z.literal('elsewhere'), home: homeSchema }),
    z.strictObject({ kind: z.literal('behind'), home: homeSchema.exactOptional() }),
    z.strictObject({
      kind: z.literal('stale'),
      home: homeSchema.exactOptional(),
      stalenessMs: z.number().min(0).exactOptional(),
    }),
    z.strictObject({ kind: z.literal('unclaimed') }),
    /** The reply is full: nothing was done, ask again. Only reads are answered so. */
    z.strictObject({ kind: z.literal('later') }),
  ]),
)
