/** The OpenAPI 3.1 document, made from the declarations that the routes are parsed with. */
import { z } from 'zod'
import {
  createDocument,
  type ZodOpenApiOperationObject,
  type ZodOpenApiResponseObject,
} from 'zod-openapi'
import { type ErrorCode, errorKinds } from '../model/error-kinds.ts'
import type { Declaration } from './declare.ts'
import { problemSchema } from './schemas.ts'

/**
 * What any route may answer; what any may that looks at its caller; and any of a dataset, before it
 * looks further.
 */
const everyRoute: readonly ErrorCode[] = ['internal', 'bad_request']
const everyCaller: readonly ErrorCode[] = [
  'unauthenticated',
  'keys_unavailable',
  'forbidden',
  'rate_limited',
]
const everyDataset: readonly ErrorCode[] = [
  'unknown_dataset',
  'no_partition',
  'redirect',
  'misdirected_region',
  'refused_region',
  'not_ready',
  'no_serving_region',
]

const header = (description: string) => z.string().meta({ description })

/** Headers of errors by status, beside those of every reply. */
const errorHeaders: Readonly<Record<number, z.ZodObject>> = {
  401: z.object({ 'WWW-Authenticate': header('`Bearer`') }),
  429: z.object({ 'Retry-After': header('Seconds') }),
  307: z.object({ Location: header('The same request in the region that answers') }),
  405: z.object({ Allow: header('The methods of the route') }),
  412: z.object({ ETag: header('The current version, where the key exists') }),
  503: z.object({ 'Retry-After': header('Seconds') }),
  507: z.object({ 'Retry-After': header('Seconds') }),
}

export type OpenApiDocument = ReturnType<typeof createDocument>

export function buildDocument(
  declarations: readonly Declaration[],
  version: string,
): OpenApiDocument {
  const paths: Record<string, Record<string, ZodOpenApiOperationObject>> = {}
  for (const declaration of declarations) {
    const item = paths[declaration.path] ?? {}
    paths[declaration.path] = item
    item[declaration.method.toLowerCase()] = operationOf(declaration)
    if (declaration.method === 'GET' && declaration.path.startsWith('/v1/kv/{dataset}/')) {
      item.head = headOf(declaration)
    }
  }
  return createDocument({
    openapi: '3.1.0',
    info: {
      title: 'Denizen',
      version,
      description:
        'A datacenter-aware key-value store: every key has a home near its users, a copy where ' +
        'its residency policy permits, and no byte anywhere else. Bodies are CBOR or JSON by ' +
        'Content-Type and Accept; values are of any media type.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    components: {
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          description: 'A token of the node’s access file, or a JWT; see docs/ACCESS.md',
        },
      },
    },
    paths,
  })
}

function operationOf(declaration: Declaration): ZodOpenApiOperationObject {
  return {
    operationId: declaration.id,
    summary: declaration.summary,
    ...(declaration.description === undefined ? {} : { description: declaration.description }),
    requestParams: {
      path: declaration.parameters,
      query: declaration.query,
      header: declaration.headers,
    },
    ...(declaration.body === undefined ? {} : { requestBody: declaration.body }),
    ...(declaration.needs === 'nothing' ? {} : { security: [{ bearer: [] }] }),
    responses: { ...errorReplies(declaration), ...declaration.replies },
  }
}

/** HEAD answers as GET does, without the body. */
function headOf(declaration: Declaration): ZodOpenApiOperationObject {
  const get = operationOf(declaration)
  const responses: Record<`${number}`, ZodOpenApiResponseObject> = {}
  for (const [status, { content: _, ...reply }] of Object.entries(declaration.replies)) {
    responses[`${Number(status)}`] = reply
  }
  return {
    ...get,
    operationId: `${declaration.id}Head`,
    summary: 'The headers of GET',
    responses: { ...errorReplies(declaration), ...responses },
  }
}

function errorReplies(declaration: Declaration): Record<`${number}`, ZodOpenApiResponseObject> {
  const codes = new Set<ErrorCode>([
    ...everyRoute,
    ...(declaration.needs === 'nothing' ? [] : everyCaller),
    ...(declaration.path.includes('{dataset}') ? everyDataset : []),
    ...declaration.errors,
  ])
  const byStatus = Map.groupBy(codes, code => errorKinds[code].status)
  const replies: Record<`${number}`, ZodOpenApiResponseObject> = {}
  for (const [status, sharing] of byStatus) {
    replies[`${status}`] = {
      description: sharing
        .map(code => `\`${code}\`: ${errorKinds[code].title}. ${errorKinds[code].action}`)
        .join('\n\n'),
      ...(errorHeaders[status] === undefined ? {} : { headers: errorHeaders[status] }),
      content: {
        'application/problem+json': { schema: problemSchema },
        'application/problem+cbor': { schema: problemSchema },
      },
    }
  }
  return replies
}
