/**
 * How much a server does at most: as many requests as it answers on so many connections, each
 * asking again as soon as it is answered. With the tool that is the cheapest for the server's
 * protocol, so that little of the machine is taken from what is measured.
 */
import type { Peer } from '../peers/peer.ts'
import { cpuSeconds } from '../proc.ts'
import { generate } from './generator.ts'
import { hasRedisBenchmark, redisBenchmark } from './redis-benchmark.ts'
import type { Operation } from './reply.ts'
import { hasWrk, type WrkOptions, wrk } from './wrk.ts'

export interface PeakOptions {
  readonly operation: Operation
  readonly connections: number
  readonly keys: number
  readonly valueBytes: number
  readonly seconds: number
  /** Before what is counted. */
  readonly warmUpSeconds: number
  /** Redis: commands that are sent before the first is answered. */
  readonly depth?: number
  /** Denizen: a batch with so many operations is one request. */
  readonly batch?: { readonly operations: number; readonly path: string }
}

export interface Peak {
  readonly tool: string
  /** Of single operations, also where a request has many. */
  readonly perSecond: number
  /** From when a request was sent: what waits behind a slow one is not charged for it. */
  readonly closedP50Ms: number
  readonly closedP99Ms: number
  /** CPU time of the server for each operation. */
  readonly serverCpuUs: number
  /** That the tool took. Near 1, the figure is the tool's own limit. */
  readonly generatorCores: number
}

type Figures = Omit<Peak, 'tool' | 'serverCpuUs'> & { readonly operations: number }

/** Requests of the first run of redis-benchmark, which tells how many the second has to have. */
const redisProbeRequests = 5_000
/** wrk counts in whole seconds. */
const wrkSecondsMin = 1
const wholeSeconds = (seconds: number): number => Math.max(wrkSecondsMin, Math.round(seconds))
/** How many times as long it is waited where no reply came. */
const patience = 10
/** While a tool that does not look at bodies makes the load, somebody does. */
const samplesPerSecond = 20

/** Throws when a reply was wrong. */
export async function peak(peer: Peer, options: PeakOptions): Promise<Peak> {
  const { tool, run } = await toolFor(peer, options)
  await peer.checkCounters()
  const { pid } = peer
  if (pid === undefined) throw new Error(`${peer.id} does not run`)
  const before = cpuSeconds(pid)
  const { operations, ...figures } = await run()
  const serverCpuUs = ((cpuSeconds(pid) - before) / operations) * 1e6
  await peer.checkCounters()
  return { tool, serverCpuUs, ...figures }
}

interface Tool {
  readonly tool: string
  readonly run: () => Promise<Figures>
}

/** Ready to run: it has warmed the server up. */
async function toolFor(peer: Peer, options: PeakOptions): Promise<Tool> {
  const { peakTool } = peer
  if (peakTool.tool === 'redis-benchmark' && hasRedisBenchmark())
    return await byRedis(peer, options)
  const { batch, seconds } = options
  if (peakTool.tool === 'wrk' && hasWrk() && (batch || seconds >= wrkSecondsMin)) {
    const { script, path } = batch ? { script: 'batch' as const, path: batch.path } : peakTool
    return await byWrk(peer, options, { script, path, operations: batch?.operations ?? 1 })
  }
  if (options.batch || options.depth !== undefined) {
    throw new Error(`${peakTool.tool} is not installed, and nothing else does this`)
  }
  return byGenerator(peer, options)
}

async function byWrk(
  peer: Peer,
  options: PeakOptions,
  what: Pick<WrkOptions, 'script' | 'path' | 'operations'>,
): Promise<Tool> {
  const common = { ...options, ...what, port: peer.port }
  const seconds = wholeSeconds(options.seconds)
  if (options.warmUpSeconds > 0) {
    await wrk({ ...common, seconds: wholeSeconds(options.warmUpSeconds), mayBeSilent: true })
  }
  const run = async (): Promise<Figures> => {
    const sampling = sample(peer, options, seconds)
    const first = wrk({ ...common, seconds, mayBeSilent: true })
    const [quick] = await Promise.all([first, sampling])
    // Nothing was wrong, but nothing came either: a large batch on a machine that others use.
    const result =
      quick.requests > 0 ? quick : await wrk({ ...common, seconds: seconds * patience })
    const { requests, p50Ms, p99Ms, generatorCores } = result
    const operations = requests * what.operations
    return {
      operations,
      perSecond: operations / result.seconds,
      ...{ closedP50Ms: p50Ms, closedP99Ms: p99Ms, generatorCores },
    }
  }
  return { tool: 'wrk', run }
}

/** Throws when a reply was wrong while the load ran. */
const sample = (peer: Peer, options: PeakOptions, seconds: number): Promise<unknown> =>
  generate({
    ...{ dialect: peer.dialect, port: peer.port, operation: options.operation },
    ...{ keys: options.keys, valueBytes: options.valueBytes, connections: 1 },
    ...{ seconds, warmUpSeconds: 0, rate: samplesPerSecond },
  })

async function byRedis(peer: Peer, options: PeakOptions): Promise<Tool> {
  const { depth = 1, seconds, warmUpSeconds } = options
  const common = { ...options, depth, port: peer.port }
  const probe = await redisBenchmark({ ...common, requests: redisProbeRequests * depth })
  const warm = await redisBenchmark({
    ...common,
    requests: Math.max(redisProbeRequests, Math.round(probe.perSecond * warmUpSeconds)),
  })
  const run = async (): Promise<Figures> => {
    const operations = Math.max(redisProbeRequests, Math.round(warm.perSecond * seconds))
    const result = await redisBenchmark({ ...common, requests: operations })
    const { perSecond, p50Ms, p99Ms, generatorCores } = result
    return { operations, perSecond, closedP50Ms: p50Ms, closedP99Ms: p99Ms, generatorCores }
  }
  return { tool: 'redis-benchmark', run }
}

async function byGenerator(peer: Peer, options: PeakOptions): Promise<Tool> {
  const { operation, connections, keys, valueBytes, seconds, warmUpSeconds } = options
  const common = {
    dialect: peer.dialect,
    port: peer.port,
    operation,
    connections,
    keys,
    valueBytes,
  }
  if (warmUpSeconds > 0) await generate({ ...common, seconds: warmUpSeconds, warmUpSeconds: 0 })
  const run = async (): Promise<Figures> => {
    const result = await generate({ ...common, seconds, warmUpSeconds: 0 })
    const { requests, p50Ms, p99Ms, generatorCores } = result
    return {
      operations: requests,
      perSecond: requests / result.seconds,
      ...{ closedP50Ms: p50Ms, closedP99Ms: p99Ms, generatorCores },
    }
  }
  return { tool: 'generator', run }
}
