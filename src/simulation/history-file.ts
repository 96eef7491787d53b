/**
 * Histories as text: JSON Lines, the header first, then an operation on each line.
 * docs/HISTORIES.md is the format's documentation; the schemas here are the format.
 */
import { z } from 'zod'
import { DenizenError } from '../model/errors.ts'
import type { History, HistoryHeader, OperationRecord } from './history.ts'

const headerSchema = z.object({
  format: z.literal('denizen-history'),
  version: z.literal(1),
  source: z.enum(['simulation', 'bench']),
  seed: z.number().exactOptional(),
  clocksDifferMs: z.number().nonnegative().exactOptional(),
})

const versionSchema = z
  .string()
  .regex(/^(0|[1-9]\d{0,15})\.(0|[1-9]\d{0,15})$/, 'a version: term.seq')
const wantedSchema = z.union([z.literal('*'), versionSchema])
const timeSchema = z.number().nonnegative()
const key = z.string()
const value = z.string()

const mutation = {
  idempotencyKey: z.string().exactOptional(),
  acks: z.int().min(1).exactOptional(),
}
const guards = { ifMatch: wantedSchema.exactOptional(), ifNoneMatch: wantedSchema.exactOptional() }
const life = { ttlMs: z.number().positive().exactOptional() }

const stepSchema = z.discriminatedUnion('op', [
  z.object({ op: z.literal('get'), key }),
  z.object({ op: z.literal('put'), key, value, ...life }),
  z.object({ op: z.literal('delete'), key }),
])

const conditionSchema = z.object({
  key,
  exists: z.boolean().exactOptional(),
  ifMatch: versionSchema.exactOptional(),
  value: value.exactOptional(),
})

const operationSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('get'),
    key,
    consistency: z.enum(['strong', 'session', 'bounded', 'eventual']),
    boundMs: timeSchema.exactOptional(),
  }),
  z.object({ kind: z.literal('put'), key, value, ...life, ...guards, ...mutation }),
  z.object({ kind: z.literal('delete'), key, ...guards, ...mutation }),
  z.object({
    kind: z.literal('tx'),
    conditions: z.array(conditionSchema),
    success: z.array(stepSchema),
    failure: z.array(stepSchema),
    ...mutation,
  }),
])

const found = { kind: z.literal('found'), version: versionSchema, value }
const absent = { kind: z.literal('absent') }
const written = {
  kind: z.literal('written'),
  version: versionSchema,
  created: z.boolean().exactOptional(),
}
const deleted = { kind: z.literal('deleted'), version: versionSchema.exactOptional() }
const receipt = {
  home: z.string().exactOptional(),
  servedBy: z.string().exactOptional(),
  role: z.enum(['home', 'replica', 'proxy']).exactOptional(),
  relay: z.string().exactOptional(),
  stalenessMs: timeSchema.exactOptional(),
}

const resultSchema = z.discriminatedUnion('kind', [
  z.object({ ...found, ...receipt }),
  z.object({ ...absent, ...receipt }),
  z.object({ ...written, ...receipt }),
  z.object({ ...deleted, ...receipt }),
  z.object({
    kind: z.literal('mismatch'),
    current: versionSchema.nullable().exactOptional(),
    ...receipt,
  }),
  z.object({
    kind: z.literal('transacted'),
    succeeded: z.boolean(),
    results: z.array(
      z.discriminatedUnion('kind', [
        z.object(found),
        z.object(absent),
        z.object(written),
        z.object(deleted),
      ]),
    ),
    ...receipt,
  }),
  z.object({
    kind: z.literal('error'),
    code: z.string(),
    applied: z.enum(['yes', 'no', 'unknown']),
    version: versionSchema.exactOptional(),
  }),
])

const recordSchema = z
  .object({
    client: z.string(),
    session: z.string().exactOptional(),
    principal: z.string().exactOptional(),
    entry: z.string(),
    dataset: z.string(),
    group: z.string().exactOptional(),
    operation: operationSchema,
    invokeMs: timeSchema,
    returnMs: timeSchema.nullable(),
    result: resultSchema.nullable(),
  })
  .refine(({ returnMs, result }) => (returnMs === null) === (result === null), {
    error: 'returnMs and result are null together',
  })
  .refine(({ invokeMs, returnMs }) => returnMs === null || returnMs >= invokeMs, {
    error: 'it returns before it is invoked',
  })
  .refine(({ operation, group }) => operation.kind !== 'tx' || group !== undefined, {
    error: 'a transaction has a group',
  })
  .refine(resultFits, { error: 'the result is none that such an operation has' })

type ParsedRecord = z.infer<typeof operationSchema>
function resultFits({
  operation,
  result,
}: {
  readonly operation: ParsedRecord
  readonly result: z.infer<typeof resultSchema> | null
}): boolean {
  if (result === null || result.kind === 'error') return true
  if (operation.kind === 'tx') {
    if (result.kind !== 'transacted') return false
    const { length } = result.succeeded ? operation.success : operation.failure
    return length === result.results.length
  }
  const kinds = {
    get: ['found', 'absent'],
    put: ['written', 'mismatch'],
    delete: ['deleted', 'absent', 'mismatch'],
  }
  return kinds[operation.kind].includes(result.kind)
}

/** One line, its end included. */
export const historyLine = (line: HistoryHeader | OperationRecord): string =>
  `${JSON.stringify(line)}\n`

/** Throws `bad_request` that names the line. */
export function parseHistory(text: string): History {
  const lines = text.split('\n')
  if (lines.length > 1 && lines.at(-1) === '') lines.pop()
  const parsed = lines.map((line, index) => {
    const schema = index === 0 ? headerSchema : recordSchema
    try {
      return schema.parse(JSON.parse(line))
    } catch (error) {
      throw new DenizenError('bad_request', `line ${index + 1}: ${reasonOf(error)}`)
    }
  })
  const [header, ...operations] = parsed
  return { header: headerSchema.parse(header), operations: operations as OperationRecord[] }
}

const reasonOf = (error: unknown): string =>
  error instanceof z.ZodError
    ? error.issues.map(({ path, message }) => `${path.join('.')} ${message}`.trim()).join('; ')
    : String(error instanceof Error ? error.message : error)
