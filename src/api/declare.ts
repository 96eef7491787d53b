/**
 * Routes, declared once: the schemas here parse requests, give handlers their types, and are what
 * /openapi.json shows.
 */
import { z } from 'zod'
import type { ZodOpenApiRequestBodyObject, ZodOpenApiResponseObject } from 'zod-openapi'
import { type ErrorCode, isErrorCode } from '../model/error-kinds.ts'
import { DenizenError } from '../model/errors.ts'
import type { Exchange, Needs } from './exchange.ts'
import type { Reply } from './host.ts'
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
  readonly needs: Needs
  readonly parameters: z.ZodObject
  readonly query: z.ZodObject
  readonly headers: z.ZodObject
  readonly body?: ZodOpenApiRequestBodyObject
  readonly replies: Readonly<Record<`${number}`, ZodOpenApiResponseObject>>
  /** Errors that callers of this route should expect, beside those of every route. */
  readonly errors: readonly ErrorCode[]
}

export interface Route extends Declaration {
  run(exchange: Exchange): Promise<Reply>
}

interface TypedRoute<Query extends z.ZodObject, RequestHeaders extends z.ZodObject>
  extends Declaration {
  readonly query: Query
  readonly headers: RequestHeaders
  handle(exchange: Exchange, inputs: Inputs<Query, RequestHeaders>): Promise<Reply>
}

export const route = <Query extends z.ZodObject, RequestHeaders extends z.ZodObject>(
  typed: TypedRoute<Query, RequestHeaders>,
): Route => {
  const query = parserOf(typed.query, 'query')
  const headers = parserOf(typed.headers, 'header')
  const declared = Object.keys(typed.headers.shape).map(name => [name, name.toLowerCase()] as const)
  return {
    ...typed,
    run: exchange =>
      typed.handle(exchange, {
        query: () => query(exchange.target.query === '' ? {} : parseQuery(exchange.target.query)),
        headers: () => headers(declaredHeaders(declared, exchange)),
      }),
  }
}

/** Most requests have none of the headers and no query: what becomes of that is known. */
function parserOf<Schema extends z.ZodObject>(
  schema: Schema,
  what: 'query' | 'header',
): (input: Record<string, string>) => z.output<Schema> {
  const ofNothing = schema.safeParse({})
  return input => {
    for (const _ in input) return parseWith(schema, input, what)
    return ofNothing.success ? ofNothing.data : parseWith(schema, input, what)
  }
}

function declaredHeaders(
  declared: readonly (readonly [name: string, lowerCase: string])[],
  exchange: Exchange,
): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, lowerCase] of declared) {
    const value = exchange.header(lowerCase)
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
