/** What the tests of the API share: a service, an app on it, and requests that reach it raw. */
import { createApi } from '../../src/api/app.ts'
import { urlTarget } from '../../src/api/target.ts'
import { decodeCbor } from '../../src/protocol/cbor.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import type { LogFields, Logger } from '../../src/runtime/log.ts'
import { MemoryService, served, servedAnywhere } from './memory-service.ts'

export interface LogLine extends LogFields {
  readonly level: string
  readonly message: string
}

/** A logger that keeps its lines. */
export function recordingLogger(): { log: Logger; lines: LogLine[] } {
  const lines: LogLine[] = []
  const at =
    (level: string) =>
    (message: string, fields: LogFields = {}): void => {
      lines.push({ level, message, ...fields })
    }
  const log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
  return { log, lines }
}

/**
 * Datasets: `profiles` (bound by law), `cities` (anywhere), `far` (redirected), `closed` (refused),
 * `proxied` (served without a copy), `tenants` (eu/ served, us/ redirected, cn/ refused).
 */
export function createService(): MemoryService {
  const redirect = {
    kind: 'redirect',
    region: 'us-east',
    url: 'https://us-east.example',
    reason: 'the policy lets only us regions serve it',
  } as const
  const refuse = { kind: 'refuse', reason: 'the policy forbids serving it here' } as const
  return new MemoryService('eu-west')
    .addDataset('profiles', [{ prefix: '', admission: served }])
    .addDataset('cities', [{ prefix: '', admission: servedAnywhere }])
    .addDataset('far', [{ prefix: '', admission: redirect }])
    .addDataset('closed', [{ prefix: '', admission: refuse }])
    .addDataset('proxied', [{ prefix: '', admission: { ...served, stored: false } }])
    .addDataset('tenants', [
      { prefix: 'eu/', admission: served },
      { prefix: 'us/', admission: redirect },
      { prefix: 'cn/', admission: refuse },
    ])
}

/** What `Request` takes; the DOM's types leave out bytes that may lie in shared memory. */
export type SendInit = Omit<RequestInit, 'body'> & {
  readonly body?: BodyInit | Uint8Array | null
}
type Send = (method: string, target: string, init?: SendInit) => Promise<Response>

export interface World {
  readonly service: MemoryService
  readonly lines: LogLine[]
  /**
   * Sends a request whose target reaches the app exactly as written, as on Node. Bodies have no
   * Content-Length here: http-server.test.ts has those.
   */
  readonly send: Send
  /** The same as a fetch-style host sends it: the URL parser has normalised the target. */
  readonly sendUrl: Send
}

export function createWorld(): World {
  const service = createService()
  const { log, lines } = recordingLogger()
  const request = (url: string, method: string, init: SendInit | undefined): Request =>
    new Request(url, { ...(init as RequestInit | undefined), method })
  const shared = { service, log, clock: systemClock, version: '0.1.0' }
  const raw = createApi({ ...shared, rawTarget: (_request, env) => String(env) })
  const parsed = createApi({ ...shared, rawTarget: urlTarget })
  return {
    service,
    lines,
    send: async (method, target, init) =>
      raw.fetch(request('http://node.test/', method, init), Object(target)),
    sendUrl: async (method, target, init) =>
      parsed.fetch(request(`http://node.test${target}`, method, init)),
  }
}

/** The members of a JSON object body; fails on anything else. */
export async function jsonOf(response: Response): Promise<Record<string, unknown>> {
  const body: unknown = await response.json()
  if (typeof body !== 'object' || body === null) throw new Error('the body is no JSON object')
  return { ...body }
}

/** Status and problem code in one line, of a problem in either form. */
export async function problemOf(response: Response): Promise<string> {
  const binary = response.headers.get('Content-Type') === 'application/problem+cbor'
  const body: unknown = binary
    ? decodeCbor(new Uint8Array(await response.arrayBuffer()))
    : await response.json()
  const code = typeof body === 'object' && body !== null && 'code' in body ? body.code : undefined
  return `${response.status} ${String(code)}`
}
