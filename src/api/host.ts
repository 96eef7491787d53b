/**
 * What carries requests to the API and replies away: a fetch-style host, or a node's own listener.
 * Routes see neither.
 */
import type { Headers } from './reply-headers.ts'

export interface HostRequest {
  /** The value of a request header; `name` is in lower case. */
  header(name: string): string | undefined
  /** The same, where all of it is here by now; else undefined, and `bytes` reads it. */
  arrived(): Promise<Uint8Array | undefined>
  /** The whole body, whose length was declared and judged before. Rejects where it ends early. */
  bytes(): Promise<Uint8Array>
  /** The body as it comes in; null where there is none. */
  stream(): ReadableStream<Uint8Array> | null
}

export interface Reply {
  readonly status: number
  readonly headers: Headers
  readonly body: Uint8Array | ReadableStream<Uint8Array> | null
}

export const webRequest = (request: Request): HostRequest => ({
  header: name => request.headers.get(name) ?? undefined,
  arrived: async () => undefined,
  bytes: async () => new Uint8Array(await request.arrayBuffer()),
  stream: () => request.body,
})

/** None of our bytes lie in shared memory, which is all that the DOM's type excludes. */
export const webResponse = ({ status, headers, body }: Reply): Response =>
  new Response(body as Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null, {
    status,
    headers,
  })
