/**
 * Routes, declared once: the schemas here parse requests, give handlers their types, and are what
 * /openapi.json shows.
 */
import { z } from 'zod'
import type { ZodOpenApiRequestBodyObject, ZodOpenApiResponseObject } from 'zod-openapi'
import { DenizenError, type ErrorCode, isErrorCode } from '../model/errors.ts'
import type { Exchange } from './exchange.ts'
import { parseQuery } from './target.ts'

export type Method = 'GET' | 'PUT' | 'POST' | 'DELETE'

/** Parsed when the handler asks, so that it decides what is checked in which order. */
export interface Inputs<Query extends z.ZodObject, RequestHeaders extends z.ZodObject> {
  /** Throws `bad_request`, `bad_key`. */
  query(): z.output<Query>
  /** Throws `bad_request`, `not_supported`. */
  headers(): z.output<RequestHeaders>
}

export interface Declaration {
  readonly method: Method
  /** As OpenAPI writes it; a last `{key}` takes the rest of the path, slashes included. */
  readonly path: string
  readonly id: string
  readonly summary: string
  readonly description?: string
  /** Whether an unexpected failure may have changed something. */
  readonly mutates: boolean
  readonly parameters: z.ZodObject
  readonly query: z.ZodObject
  readonly headers: z.ZodObject
  readonly body?: ZodOpenApiRequestBodyObject
  readonly replies: Readonly<Record<`${number}`, ZodOpenApiResponseObject>>
  /** Errors that callers of this route should expect, beside those of every route. */
  readonly errors: readonly ErrorCode[]
}

export interface Route extends Declaration {
  run(exchange: Exchange): Promise<Response>
}

interface TypedRoute<Query extends z.ZodObject, RequestHeaders extends z.ZodObject>
  extends Declaration {
  readonly query: Query
  readonly headers: RequestHeaders
  handle(exchange: Exchange, inputs: Inputs<Query, RequestHeaders>): Promise<Response>
}

export const route = <Query extends z.ZodObject, RequestHeaders extends z.ZodObject>(
  typed: TypedRoute<Query, RequestHeaders>,
): Route => ({
  ...typed,
  run: exchange =>
    typed.handle(exchange, {
      query: () => parseWith(typed.query, parseQuery(exchange.target.query), 'query'),
      headers: () => parseWith(typed.headers, declaredHeaders(typed.headers, exchange), 'header'),
    }),
})

function declaredHeaders(schema: z.ZodObject, exchange: Exchange): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const name of Object.keys(schema.shape)) {
    const value = exchange.header(name)
    if (value !== undefined) headers[name] = value
  }
  return headers
}

/** Parses data from a caller. Throws a `DenizenError` that says where it went wrong. */
export function parseWith<Schema extends z.ZodType>(
  schema: Schema,
  input: unknown,
  what: 'query' | 'header' | 'body',
): z.output<Schema> {
  const result = schema.safeParse(input)
  if (result.success) return result.data
  const [issue] = result.error.issues
  throw new DenizenError(codeOf(issue), describe(issue, what))
}

function codeOf(issue: z.core.$ZodIssue | undefined): ErrorCode {
  const code: unknown = issue?.code === 'custom' ? issue.params?.code : undefined
  return typeof code === 'string' && isErrorCode(code) ? code : 'bad_request'
}

/** Names come from our schemas, never from the input: a mistyped name may be somebody's data. */
function describe(issue: z.core.$ZodIssue | undefined, what: string): string {
  if (!issue) return `the ${what} is not valid`
  const place = issue.path.length === 0 ? `the ${what}` : `${what} ${issue.path.join('.')}`
  return issue.code === 'unrecognized_keys'
    ? `${place}: it has a member or parameter that this route does not know`
    : `${place}: ${issue.message}`
}

/** Refuses whatever is sent, with the promise that leaving it out is enough. */
export const notSupported = (text: string): { error: string; params: { code: ErrorCode } } => ({
  error: text,
  params: { code: 'not_supported' },
})

export const noParameters = z.strictObject({})
