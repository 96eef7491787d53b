/** The operations of batches and their results: what the document shows, and what is refused. */
import { z } from 'zod'
import { itemValueMembers } from './schemas.ts'

const conditions = {
  ifMatch: z.string().exactOptional().meta({ description: 'As the header If-Match' }),
  ifNoneMatch: z.string().exactOptional().meta({ description: 'As the header If-None-Match' }),
}

const put = z
  .strictObject({
    op: z.literal('put'),
    key: z.string(),
    ...itemValueMembers,
    type: z.string().exactOptional().meta({ description: 'Media type of `bytes`' }),
    ...conditions,
    ttl: z.string().exactOptional().meta({ description: 'As the header Denizen-TTL' }),
  })
  .refine(
    op => ('value' in op ? !('bytes' in op || 'type' in op) : 'bytes' in op && 'type' in op),
    { error: 'a put has either value, or type and bytes' },
  )

export const operationSchema = z
  .discriminatedUnion('op', [
    z.strictObject({ op: z.literal('get'), key: z.string(), ...conditions }),
    put,
    z.strictObject({ op: z.literal('delete'), key: z.string(), ...conditions }),
  ])
  .meta({ id: 'BatchOperation' })

export type BatchOp = z.output<typeof operationSchema>

export const resultSchema = z
  .object({
    status: z.int().meta({ description: 'What the same request by itself would answer' }),
    etag: z.string().exactOptional(),
    type: z.string().exactOptional().meta({ description: 'Media type of the value' }),
    ...itemValueMembers,
    home: z.string().exactOptional().meta({ description: "The home of the key's group" }),
    relay: z.string().exactOptional().meta({
      description: 'The region by way of which the home was asked, if it was not straight',
    }),
    region: z.string().exactOptional().meta({ description: 'With 307 and 421: who answers' }),
    session: z.string().exactOptional().meta({
      description: 'In streams, on some results: the session token that covers all up to here',
    }),
    error: z
      .looseObject({
        code: z.string(),
        detail: z.string(),
        applied: z.enum(['yes', 'no', 'unknown']),
        retry: z.enum(['safe', 'with-idempotency-key', 'no']),
        taken: z
          .int()
          .exactOptional()
          .meta({
            description:
              'Only in the last item of a stream that ended early: how many operations were taken. ' +
              'They stand as their results say; none after them was applied.',
          }),
      })
      .exactOptional(),
  })
  .meta({ id: 'BatchResult' })
