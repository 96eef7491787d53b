/** The parameters, headers and bodies that several routes share. */
import { z } from 'zod'
import type { AcksLevel } from '../model/acks.ts'
import { limits } from '../model/limits.ts'
import type { Consistency, RequestContext } from '../routing/service.ts'
import { consistencyOf, consistencyPattern } from './consistency.ts'
import { notSupported } from './declare.ts'
import type { Exchange } from './exchange.ts'
import { unquoted } from './reply-headers.ts'
import { ttlMsOf } from './ttl.ts'

export const datasetParameter = z.string().meta({
  description: 'Name of the dataset: a DNS label',
  example: 'cities',
})

export const keyParameter = z.string().meta({
  description:
    'The key: 1 to 1,024 bytes of UTF-8 in segments separated by "/", none of them empty, "." or ' +
    '"..". It takes the rest of the path; "/" and "%2F" are the same. It is decoded once, from ' +
    'the target as it was sent.',
  example: 'eu/alice',
})

export const groupParameter = z.string().meta({
  description:
    'The group: the whole key, or its leading segments where the dataset says groupBy. It takes ' +
    'the rest of the path, as a key does.',
  example: 'eu/acme',
})

export const datasetPath = z.object({ dataset: datasetParameter })
export const keyPath = z.object({ dataset: datasetParameter, key: keyParameter })
export const groupPath = z.object({ dataset: datasetParameter, group: groupParameter })

const regionId = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, {
  error: 'must be the id of a region',
})

const viaParameter = regionId.exactOptional().meta({
  description:
    'Set by a redirect: the region that sent the client here. Stops redirects in circles.',
})

/** What every route of a dataset takes in its query. */
export const viaQuery = z.strictObject({ via: viaParameter })

export const prefixParameter = z.string().default('').meta({
  description: 'Beginning of the keys; "+" is a space here, as in forms.',
})

const redirectHeader = z.string().exactOptional().meta({
  description: '`manual`: answer 421 in place of 307, as browsers hide a 307 from scripts.',
})

const consistencyHeader = z
  .string()
  .transform(consistencyOf)
  .default('session' satisfies Consistency)
  .meta({
    description:
      '`strong`: answered at the home. `session`: by the nearest copy that has all that this ' +
      'session wrote and saw. `bounded=5s`: by the nearest copy that provably has all that the ' +
      'home had acknowledged so long before the request came (500ms 5s 10m 2h 30d). `eventual`: ' +
      'by the nearest copy.',
    override: { type: 'string', pattern: consistencyPattern, default: 'session' },
  })

const sessionHeader = z
  .string()
  .min(1)
  .max(limits.sessionTokenBytesMax + 2, { error: 'is longer than any session token' })
  .transform(unquoted)
  .exactOptional()
  .meta({ description: 'The session token of an earlier reply, as it came.' })

const hintHeader = regionId.exactOptional().meta({
  description: 'Region near the user, where it is not the one that the request enters.',
})

export const ifMatchHeader = z.string().exactOptional().meta({
  description: 'ETag that the key must have now; `*`: it must exist.',
  example: '"0.4294967297"',
})

export const ifNoneMatchHeader = z.string().exactOptional().meta({
  description: 'On reads: 304 if the reply would have this ETag. On writes `*`: create only.',
})

/** Headers of every route of a dataset. */
export const contextHeaders = z.object({
  'Denizen-Consistency': consistencyHeader,
  'Denizen-Session': sessionHeader,
  'Denizen-Hint': hintHeader,
  'Denizen-Redirect': redirectHeader,
})

const absent = (text: string) =>
  z
    .string()
    .refine(() => false, notSupported(text))
    .exactOptional()
    .meta({ description: `Refused: ${text}.`, deprecated: true })

const ttlHeader = z.string().transform(ttlMsOf).exactOptional().meta({
  description:
    'Life of the value: 500ms 5s 10m 2h 30d. Without it the dataset decides; each write decides anew.',
  example: '30d',
})

const idempotencyHeader = z
  .string()
  .transform(unquoted)
  .pipe(z.string().regex(/^[ -~]+$/, { error: 'must be printable ASCII' }))
  .pipe(z.string().max(limits.idempotencyKeyBytesMax))
  .exactOptional()
  .meta({
    description:
      `A text of the caller's, at most ${limits.idempotencyKeyBytesMax} characters, new for each ` +
      'mutation. For 24 hours a repeat under the same key is answered as the first was, and not ' +
      'applied again.',
    example: '"8e03978e-40d5-43dd-bc93-6894a57f9324"',
  })

/** undefined: what is done anyway. */
const acksOf = (text: string): AcksLevel | undefined => {
  if (text === 'quorum' || text === 'all') return text
  return text === '1' ? undefined : Number(text)
}

const acksHeader = z
  .string()
  .refine(text => text !== 'local', {
    ...notSupported('acks: local needs etcd, which is not in this version'),
    abort: true,
  })
  .pipe(
    z.string().regex(/^([1-9][0-9]{0,2}|quorum|all)$/, {
      error: 'must be a number of regions, quorum or all',
    }),
  )
  .transform(acksOf)
  .exactOptional()
  .meta({
    description:
      'Regions that have the write on disk before the reply, at least: a number, `quorum` (most of ' +
      "those that may store the dataset) or `all` of them. The dataset's own level counts where it " +
      'is higher. Where fewer have it in time, the reply is 500 `acks_timeout` with the version: ' +
      'the write stands.',
    example: 'quorum',
    override: { type: 'string', pattern: '^([1-9][0-9]{0,2}|quorum|all)$' },
  })

/** Headers of mutations. Honest refusals: ignoring them would break what the caller relies on. */
export const mutationHeaders = contextHeaders.extend({
  'Idempotency-Key': idempotencyHeader,
  'Denizen-TTL': absent('nothing is put, or each put in the body has its own ttl'),
  'Denizen-Acks': acksHeader,
})

/** Headers of a mutation that puts one value. */
export const putHeaders = mutationHeaders.extend({ 'Denizen-TTL': ttlHeader })

interface Mutation {
  readonly context: RequestContext
  /** Members of an operation that is applied once. */
  readonly once: { readonly idempotencyKey?: string }
}

/** As `contextOf`, where something is changed: idempotency keys belong to who sends them. */
export function mutationContextOf(
  exchange: Exchange,
  headers: z.output<typeof mutationHeaders> | z.output<typeof putHeaders>,
): Mutation {
  const acks = headers['Denizen-Acks']
  const context = { ...contextOf(headers), ...(acks !== undefined && { acks }) }
  const idempotencyKey = headers['Idempotency-Key']
  if (idempotencyKey === undefined) return { context, once: {} }
  const { principal } = exchange.caller
  return { context: { ...context, principal }, once: { idempotencyKey } }
}

/** Members of an operation that puts a value. */
export const lifeOf = (headers: z.output<typeof putHeaders>): { readonly ttlMs?: number } => {
  const ttlMs = headers['Denizen-TTL']
  return ttlMs === undefined ? {} : { ttlMs }
}

/** The words of the port, from the headers of a request. */
export function contextOf(headers: z.output<typeof contextHeaders>): RequestContext {
  const { 'Denizen-Session': session, 'Denizen-Hint': hint } = headers
  return {
    consistency: headers['Denizen-Consistency'],
    ...(session === undefined ? {} : { session }),
    ...(hint === undefined ? {} : { hint }),
  }
}

export const problemSchema = z
  .looseObject({
    type: z.string().meta({ description: 'URN of the code' }),
    title: z.string().meta({ description: 'The code in words' }),
    status: z.int().meta({ description: 'The HTTP status' }),
    detail: z.string().meta({ description: 'What went wrong here; never a key or a value' }),
    code: z.string().meta({ description: 'Stable name of the error: match on this' }),
    applied: z
      .enum(['yes', 'no', 'unknown'])
      .meta({ description: 'Whether the request took effect' }),
    retry: z
      .enum(['safe', 'with-idempotency-key', 'no'])
      .meta({ description: 'Whether to send it again' }),
    action: z.string().meta({ description: 'What to do next' }),
  })
  .meta({ id: 'Problem', description: 'Problem details (RFC 9457)' })

const header = (description: string) => z.string().exactOptional().meta({ description })

/** The headers of replies, for the document. */
export const replyHeaders = z.object({
  ETag: header('Version of the value in quotes; transcoded forms end in `-j` or `-c`'),
  'Denizen-Home': header("Region that orders the group's writes, where known"),
  'Denizen-Served-By': header(
    'Region whose copy answered, with role=home|replica|proxy, staleness-ms, from= for a proxy, ' +
      'and relay= where it was asked by way of another region',
  ),
  'Denizen-Session': header('Token to send with the next request of this session'),
  'Server-Timing': header('Where the time went, in ms'),
  'Cache-Control': header('`private, no-store, no-transform` unless the dataset may be anywhere'),
  Vary: header('`Accept, Origin`'),
})

export const itemValueMembers = {
  value: z.unknown().optional().meta({
    description: "The value as a data item, where this body's form can hold it",
  }),
  bytes: z
    .union([
      z.string().meta({ contentEncoding: 'base64url' }),
      z
        .instanceof(Uint8Array<ArrayBufferLike>)
        .meta({ override: { type: 'string', format: 'binary' } }),
    ])
    .exactOptional()
    .meta({
      description: 'The bytes of any other value: base64url in JSON, a byte string in CBOR',
    }),
}

/** The body of a write. */
export const anyValue = {
  description: 'The value, of any media type. JSON and CBOR must be well-formed.',
  required: true,
  content: { '*/*': {}, 'application/json': {}, 'application/cbor': {} },
}

export const inBothForms = (schema: z.ZodType) => ({
  'application/json': { schema },
  'application/cbor': { schema },
})
