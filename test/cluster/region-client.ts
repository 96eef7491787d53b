/** Talks to the regions of a world as any client may, well or badly, and asks them how they are. */
import { request as httpRequest } from 'node:http'
import type { ClusterView } from '../../src/routing/service.ts'
import type { World } from '../worlds/world.ts'

export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}

export interface Ask {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  /** Sends nothing of the body but this many bytes as its length. */
  readonly claimedBytes?: number
}

/** Regions, and where their key APIs are. */
export type Doors = Pick<World, 'url' | 'regions'>

/** A request whose target goes out as it is written. Rejects when no whole reply comes. */
export function ask(
  world: Pick<Doors, 'url'>,
  region: string,
  target: string,
  options: Ask = {},
): Promise<Reply> {
  const { method = 'GET', headers = {}, body, claimedBytes } = options
  const { hostname, port } = new URL(world.url(region))
  const length = claimedBytes ?? (body === undefined ? undefined : Buffer.byteLength(body))
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      host: hostname,
      port,
      method,
      path: target,
      timeout: 30_000,
      headers: { ...headers, ...(length !== undefined && { 'content-length': `${length}` }) },
    })
    request.on('response', response => {
      const parts: Buffer[] = []
      response.on('data', part => parts.push(part))
      response.on('error', reject)
      response.on('end', () => {
        const { statusCode = 0, headers: received } = response
        resolve({ status: statusCode, headers: received, body: Buffer.concat(parts) })
        if (claimedBytes !== undefined) request.destroy()
      })
    })
    request.on('timeout', () => request.destroy(new Error(`${region} is silent: ${method}`)))
    request.on('error', reject)
    if (claimedBytes !== undefined) request.flushHeaders()
    else request.end(body)
  })
}

export const kv = (dataset: string, key: string): string =>
  `/v1/kv/${dataset}/${key.split('/').map(encodeURIComponent).join('/')}`

export const jsonOf = (reply: Reply): unknown => JSON.parse(reply.body.toString())

/** The stable code of an error reply; empty where it has none. */
export function codeOf(reply: Reply): string {
  const type = `${reply.headers['content-type']}`
  return type.includes('json') ? ((jsonOf(reply) as { code?: string }).code ?? '') : ''
}

export const sendJson = (method: string, body: unknown, headers = {}): Ask => ({
  method,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
})

export const sendText = (method: string, body: string | Uint8Array, headers = {}): Ask => ({
  method,
  headers: { 'content-type': 'text/plain', ...headers },
  body,
})

export async function clusterView(world: Doors, region: string): Promise<ClusterView> {
  const reply = await ask(world, region, '/v1/cluster')
  if (reply.status !== 200) throw new Error(`${region} answers ${reply.status} for its cluster`)
  return jsonOf(reply) as ClusterView
}

/**
 * Waits until every region can call every other one: /readyz does not wait for that, nor one thread
 * of a node for another one, which answers 503 until it serves.
 */
export async function allReachable(world: Doors, regions = world.regions): Promise<void> {
  let state: readonly string[] = []
  await until(
    async () => {
      state = (await Promise.all(regions.map(region => unreachedBy(world, region, regions)))).flat()
      return state.length === 0
    },
    () => `every region reaches every other one; ${state.join(', ')}`,
  )
}

async function unreachedBy(
  world: Doors,
  region: string,
  regions: readonly string[],
): Promise<readonly string[]> {
  try {
    const view = await clusterView(world, region)
    return view.regions
      .filter(other => !other.reachable && regions.includes(other.region))
      .map(other => `${region} does not reach ${other.region}`)
  } catch (error) {
    return [(error as Error).message]
  }
}

/** Dataset or partition → what this region's copy holds. Only what it stores is there. */
export async function copies(world: Doors, region: string): Promise<ReadonlyMap<string, string>> {
  const { datasets } = await clusterView(world, region)
  return new Map(
    datasets.flatMap(({ name, partition, copy }) => {
      if (!copy) return []
      const id = partition === undefined ? name : `${name}/${partition}`
      return [[id, `${copy.records} records, digest ${copy.digest}`]]
    }),
  )
}

/** Waits until all copies of every dataset hold the same records. */
export async function converged(world: Doors, regions = world.regions): Promise<void> {
  let state = ''
  await until(
    async () => {
      const all = await Promise.all(regions.map(region => copies(world, region)))
      const ids = new Set(all.flatMap(held => [...held.keys()]))
      const split = [...ids].filter(id => {
        const held = all.flatMap(copy => copy.get(id) ?? [])
        return new Set(held).size > 1
      })
      state = split.map(id => `${id}: ${all.map(copy => copy.get(id)).join(' | ')}`).join('; ')
      return split.length === 0
    },
    () => `the copies converge; ${state}`,
  )
}

/** Waits for a condition, not for a time: the bound only ends a test that fails. */
export async function until(
  condition: () => Promise<boolean> | boolean,
  what: string | (() => string),
  withinMs = 60_000,
): Promise<void> {
  const deadlineMs = performance.now() + withinMs
  while (!(await condition())) {
    if (performance.now() > deadlineMs) {
      throw new Error(`not within ${withinMs} ms: ${typeof what === 'string' ? what : what()}`)
    }
    await new Promise(look => setTimeout(look, 20))
  }
}

/** Runs tasks a few at a time. */
export async function inParallel<T>(
  width: number,
  items: readonly T[],
  task: (item: T) => Promise<unknown>,
): Promise<void> {
  let next = 0
  const lane = async () => {
    while (next < items.length) await task(items[next++] as T)
  }
  await Promise.all(Array.from({ length: width }, lane))
}

/** Mulberry32 (Tommy Ettinger, public domain): numbers in [0, 1) that a seed gives again. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The seed of this run: DENIZEN_SEED, or a new one. Said aloud, so that a failure can be rerun. */
export function seedOfRun(): number {
  const seed = Number(process.env.DENIZEN_SEED ?? Math.floor(Math.random() * 2 ** 31))
  process.stdout.write(`DENIZEN_SEED=${seed}\n`)
  return seed
}
