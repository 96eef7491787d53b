/** What the cluster tests say to a world over HTTP, and how they wait for it. */
import { readFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import type { ClusterView, Explanation } from '../../src/routing/service.ts'
import type { World } from '../worlds/world.ts'

export type Headers = Readonly<Record<string, string>>

export interface Problem {
  readonly code: string
  readonly applied: string
  readonly retry: string
  readonly action: string
  readonly [member: string]: unknown
}

export interface Reply {
  /** 0: no reply came, and what became of the request is not known. */
  readonly status: number
  readonly etag: string | undefined
  readonly home: string | undefined
  readonly servedBy: string | undefined
  readonly session: string | undefined
  readonly location: string | undefined
  readonly body: Buffer
  readonly text: string
  readonly tookMs: number
}

export const strong: Headers = { 'denizen-consistency': 'strong' }
export const eventual: Headers = { 'denizen-consistency': 'eventual' }
export const inSession = (token: string | undefined): Headers => {
  if (token === undefined) throw new Error('the reply before gave no session token')
  return { 'denizen-session': token }
}

/** Waits of a test are for conditions; this bounds one that does not come to pass. */
const patienceMs = 40_000
const lookEveryMs = 20
/** A reply that takes longer counts as none. */
const replyMaxMs = 20_000

export async function send(
  world: World,
  region: string,
  method: string,
  path: string,
  { headers = {}, body }: { readonly headers?: Headers; readonly body?: string | Uint8Array } = {},
): Promise<Reply> {
  const startedMs = performance.now()
  const request: RequestInit = {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'text/plain' }), ...headers },
    redirect: 'manual',
    signal: AbortSignal.timeout(replyMaxMs),
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : body.slice() }),
  }
  try {
    const response = await fetch(`${world.url(region)}${path}`, request)
    const bytes = Buffer.from(await response.arrayBuffer())
    const header = (name: string): string | undefined => response.headers.get(name) ?? undefined
    return {
      status: response.status,
      etag: header('etag'),
      home: header('denizen-home'),
      servedBy: header('denizen-served-by'),
      session: header('denizen-session'),
      location: header('location'),
      body: bytes,
      text: bytes.toString(),
      tookMs: performance.now() - startedMs,
    }
  } catch {
    return { ...silence, tookMs: performance.now() - startedMs }
  }
}

const silence = {
  status: 0,
  etag: undefined,
  home: undefined,
  servedBy: undefined,
  session: undefined,
  location: undefined,
  body: Buffer.alloc(0),
  text: '',
}

const pathOf = (dataset: string, key: string): string =>
  `/v1/kv/${dataset}/${key.split('/').map(encodeURIComponent).join('/')}`

/** `name` is `dataset key`, as in the command line. */
const targetOf = (name: string): string => {
  const space = name.indexOf(' ')
  return pathOf(name.slice(0, space), name.slice(space + 1))
}

export const get = (
  world: World,
  region: string,
  name: string,
  headers: Headers = {},
): Promise<Reply> => send(world, region, 'GET', targetOf(name), { headers })

export const put = (
  world: World,
  region: string,
  name: string,
  body: string | Uint8Array,
  headers: Headers = {},
): Promise<Reply> => send(world, region, 'PUT', targetOf(name), { headers, body })

export const remove = (
  world: World,
  region: string,
  name: string,
  headers: Headers = {},
): Promise<Reply> => send(world, region, 'DELETE', targetOf(name), { headers })

export async function explain(world: World, region: string, name: string): Promise<Explanation> {
  const reply = await send(world, region, 'GET', targetOf(name).replace('/v1/kv/', '/v1/explain/'))
  assert.is(reply.status, 200, reply.text)
  return JSON.parse(reply.text)
}

export async function clusterView(world: World, region: string): Promise<ClusterView> {
  const reply = await send(world, region, 'GET', '/v1/cluster')
  assert.is(reply.status, 200, reply.text)
  return JSON.parse(reply.text)
}

export interface BatchResult {
  readonly status: number
  readonly etag?: string
  readonly value?: unknown
  readonly bytes?: string
  readonly type?: string
  readonly home?: string
  readonly relay?: string
  readonly error?: Problem
}

export async function batch(
  world: World,
  region: string,
  dataset: string,
  ops: readonly object[],
  headers: Headers = {},
): Promise<readonly BatchResult[]> {
  const reply = await send(world, region, 'POST', `/v1/batch/${dataset}`, {
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ ops }),
  })
  assert.is(reply.status, 200, reply.text)
  const { results } = JSON.parse(reply.text)
  assert.is(results.length, ops.length)
  return results
}

export interface Page {
  readonly items: readonly {
    readonly key: string
    readonly etag: string
    readonly type: string
    readonly value?: unknown
    readonly bytes?: string
  }[]
  readonly next?: string
}

export async function page(
  world: World,
  region: string,
  dataset: string,
  query: Readonly<Record<string, string>>,
  headers: Headers = {},
): Promise<Page> {
  const path = `/v1/kv/${dataset}?${new URLSearchParams(query)}`
  const reply = await send(world, region, 'GET', path, { headers })
  assert.is(reply.status, 200, reply.text)
  return JSON.parse(reply.text)
}

/** The problem of an error reply, with the members that every error must have. */
export function problemOf(reply: Reply): Problem {
  assert.ok(reply.status >= 400, `an error, not ${reply.status}`)
  const problem: Problem = JSON.parse(reply.text)
  assert.ok(['yes', 'no', 'unknown'].includes(problem.applied), reply.text)
  assert.ok(['safe', 'with-idempotency-key', 'no'].includes(problem.retry), reply.text)
  assert.ok(problem.action.length > 10, reply.text)
  return problem
}

/** An error reply with this status and code. */
export function assertProblem(reply: Reply, status: number, code: string): Problem {
  assert.is(reply.status, status, `${reply.status} ${reply.text}`)
  const problem = problemOf(reply)
  assert.is(problem.code, code, reply.text)
  return problem
}

/** Waits until the condition holds; a bound that fails the test stands in for ever. */
export async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + patienceMs
  while (!(await condition())) {
    if (performance.now() > deadlineMs) throw new Error(`it did not come to pass: ${what}`)
    await new Promise(look => setTimeout(look, lookEveryMs))
  }
}

/** Waits until each region reaches each other one. */
export const connected = (world: World, regions = world.regions): Promise<void> =>
  until('all regions reach each other', async () => {
    const views = await Promise.all(regions.map(region => clusterView(world, region)))
    return views.every(view =>
      view.regions.every(({ region, reachable }) => !regions.includes(region) || reachable),
    )
  })

/** Waits until all copies of every dataset have the same digest; returns how many there are. */
export async function converged(world: World): Promise<number> {
  let compared = 0
  await until('the copies converge', async () => {
    const views = await Promise.all(world.regions.map(region => clusterView(world, region)))
    const copies = new Map<string, Set<string>>()
    compared = 0
    for (const view of views) {
      assert.is(view.residencyViolations, 0)
      for (const { name, partition = '', store, copy } of view.datasets) {
        assert.is(store.includes(view.region), copy !== undefined, 'who stores has a copy')
        if (!copy) continue
        compared += 1
        const id = `${name} ${partition}`
        const state = `${copy.records} ${copy.tombstones} ${copy.digest}`
        copies.set(id, (copies.get(id) ?? new Set()).add(state))
      }
    }
    return [...copies.values()].every(({ size }) => size === 1)
  })
  return compared
}

/** Does one thing over and over until the other is done. */
export async function meanwhile(
  over: (count: number) => Promise<void>,
  task: () => Promise<void>,
): Promise<void> {
  let stopped = false
  const running = (async () => {
    for (let count = 1; !stopped; count++) await over(count)
  })()
  try {
    await task()
  } finally {
    stopped = true
    await running
  }
}

/** Runs the task for each item, `width` at a time; the results are in the items' order. */
export async function eachOf<T, R>(
  items: readonly T[],
  width: number,
  task: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results = new Array<R>(items.length)
  const entries = items.entries()
  const work = async (): Promise<void> => {
    for (const [index, item] of entries) results[index] = await task(item, index)
  }
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, work))
  return results
}

/** A line of its own among the ticks of the test runner. */
export const note = (text: string): void => {
  process.stdout.write(`\n    ${text}\n`)
}

export interface EtagVersion {
  readonly term: number
  readonly seq: number
}

export function versionOf({ etag }: { readonly etag?: string | undefined }): EtagVersion {
  const match = /^"(\d+)\.(\d+)"$/.exec(etag ?? '')
  assert.ok(match, `an ETag of term and seq, not ${etag}`)
  return { term: Number(match?.[1]), seq: Number(match?.[2]) }
}

/** Positive when `a` is the later version. */
export const compareEtags = (a: Reply | BatchResult, b: Reply | BatchResult): number => {
  const [first, second] = [versionOf(a), versionOf(b)]
  return first.term - second.term || first.seq - second.seq
}

export function at<T>(items: readonly T[], index: number): T {
  const item = items[index]
  if (item === undefined) throw new Error(`there is no item ${index}`)
  return item
}

/** The sample world's policy, with more datasets in it. */
export const samplePolicyWith = (datasets: string): string =>
  readFileSync(new URL('../../denizen.yaml', import.meta.url), 'utf8').replace(
    /^datasets:\n/m,
    `datasets:\n${datasets}`,
  )

/** No region has met what only a bug, a broken disk or a broken peer can bring about. */
export function assertNoErrorLogged(world: World): void {
  for (const region of world.regions) {
    const lines = readFileSync(world.logFile(region), 'utf8').split('\n')
    const errors = lines.filter(line => line.includes('"level":"error"'))
    assert.equal(errors.slice(0, 3), [], `${region} logged ${errors.length} errors`)
  }
}
