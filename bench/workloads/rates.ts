/**
 * Rows 1 to 4: how many requests a second Denizen answers, beside the limit of HTTP on Node and
 * beside other stores. All servers run throughout, one at a time is loaded, and each round loads
 * all of them: what the machine does at that moment slows both sides of a ratio.
 */
import { inDirectory } from '../children.ts'
import { type Peak, type PeakOptions, peak } from '../loads/peak.ts'
import { hasRedisBenchmark } from '../loads/redis-benchmark.ts'
import { hasWrk } from '../loads/wrk.ts'
import { recordsAtRest } from '../peers/denizen.ts'
import type { Peer, PeerId } from '../peers/peer.ts'
import { missingPeer, withPeers } from '../peers/peers.ts'
import { atRest } from '../proc.ts'
import { type RowId, type Seen, spreadOf } from '../rows.ts'
import type { Scale } from '../scale.ts'

export const valueBytes = 100
export const connections = 32
const redisDepth = 32

interface Series {
  readonly peer: PeerId
  readonly operation: 'get' | 'put'
  readonly many?: true
}

const series = {
  'bare GET': { peer: 'bare', operation: 'get' },
  GET: { peer: 'denizen', operation: 'get' },
  PUT: { peer: 'denizen', operation: 'put' },
  'Redis SET, synced': { peer: 'redis-synced', operation: 'put' },
  'etcd put': { peer: 'etcd', operation: 'put' },
  'batch put': { peer: 'denizen', operation: 'put', many: true },
  'Redis SET, synced, 32 deep': { peer: 'redis-synced', operation: 'put', many: true },
  'batch get': { peer: 'denizen', operation: 'get', many: true },
  'Redis GET, 32 deep': { peer: 'redis', operation: 'get', many: true },
} as const satisfies Readonly<Record<string, Series>>

type SeriesId = keyof typeof series

const ratios = {
  '1': ['GET', 'bare GET'],
  '2a': ['PUT', 'Redis SET, synced'],
  '2b': ['PUT', 'etcd put'],
  '3': ['batch put', 'Redis SET, synced, 32 deep'],
  '4': ['batch get', 'Redis GET, 32 deep'],
} as const satisfies Partial<Record<RowId, readonly [of: SeriesId, against: SeriesId]>>

export type RateRow = keyof typeof ratios

export const isRateRow = (row: RowId): row is RateRow => Object.hasOwn(ratios, row)

export interface RatesReport {
  readonly keys: number
  readonly valueBytes: number
  readonly rounds: readonly Readonly<Partial<Record<SeriesId, Peak>>>[]
  readonly failures: Readonly<Partial<Record<SeriesId, string>>>
  readonly seen: Readonly<Partial<Record<RowId, Seen>>>
  /** Keys that had their value afterwards, and records in the files of the stopped node. */
  readonly verified: { readonly readBack: number; readonly records: number }
}

export interface RatesOptions {
  readonly rows: readonly RateRow[]
  readonly scale: Scale
  readonly threads: number
}

export async function benchRates({ rows, scale, threads }: RatesOptions): Promise<RatesReport> {
  const needed = [...new Set(rows.flatMap(row => ratios[row]))].filter(
    id => whyNot(series[id]) === undefined,
  )
  const ids = [...new Set<PeerId>(['denizen', ...needed.map(id => series[id].peer)])]
  return await inDirectory(directory =>
    withPeers(ids, { directory, valueBytes, threads }, async peers => {
      for (const peer of peers.values()) await peer.fill(0, scale.keys, valueBytes)
      const { rounds, failures } = await measure(needed, peers, scale)
      const readBack = scale.keys
      for (const peer of peers.values()) await peer.verify(scale.keys, valueBytes)
      const records = await countAtRest(peers)
      if (records !== scale.keys) throw new Error(`${records} records in place of ${scale.keys}`)
      const seen = Object.fromEntries(rows.map(row => [row, seenOf(row, rounds, failures)]))
      const verified = { readBack, records }
      return { keys: scale.keys, valueBytes, rounds, failures, seen, verified }
    }),
  )
}

/** Why a series can't be measured on this machine. */
function whyNot(one: Series): string | undefined {
  const missing = missingPeer(one.peer)
  if (missing !== undefined || one.many === undefined) return missing
  if (one.peer === 'denizen') return hasWrk() ? undefined : 'wrk is not installed'
  return hasRedisBenchmark() ? undefined : 'redis-benchmark is not installed'
}

async function measure(
  ids: readonly SeriesId[],
  peers: ReadonlyMap<PeerId, Peer>,
  scale: Scale,
): Promise<Pick<RatesReport, 'rounds' | 'failures'>> {
  const { rounds: roundCount, seconds, keys, restMaxMs, warmUp } = scale
  const pids = [...peers.values()].flatMap(peer => peer.pid ?? [])
  const rounds: Partial<Record<SeriesId, Peak>>[] = []
  const failures: Partial<Record<SeriesId, string>> = {}
  /** A series with a wrong reply has no figure in any round; the others go on. */
  const run = async (id: SeriesId): Promise<Peak | undefined> => {
    if (failures[id] !== undefined) return undefined
    const one: Series = series[id]
    await atRest(pids, restMaxMs)
    try {
      return await peak(peers.get(one.peer) as Peer, {
        ...{ ...optionsOf(one, scale), keys, seconds, warmUpSeconds: warmUp.seconds },
      })
    } catch (error) {
      failures[id] = error instanceof Error ? error.message : `${error}`
      return undefined
    }
  }
  // A server that was just started compiles its code while it is used: not to be measured.
  if (warmUp.isWhole) for (const id of ids) await run(id)
  for (let round = 0; round < roundCount; round++) {
    const figures: Partial<Record<SeriesId, Peak>> = {}
    // Every other round in the opposite order: what one leaves behind does not always hit the same.
    for (const id of round % 2 === 0 ? ids : ids.toReversed()) {
      const figure = await run(id)
      if (figure) figures[id] = figure
    }
    rounds.push(figures)
  }
  return { rounds, failures }
}

function optionsOf(
  { peer, operation, many }: Series,
  scale: Scale,
): Pick<PeakOptions, 'operation' | 'valueBytes' | 'connections' | 'depth' | 'batch'> {
  const single = { operation, valueBytes, connections }
  if (many === undefined) return single
  if (peer !== 'denizen') return { ...single, depth: redisDepth }
  const batch = { operations: scale.batch.operations, path: '/v1/batch/bench' }
  return { ...single, connections: scale.batch.connections, batch }
}

function seenOf(
  row: RateRow,
  rounds: RatesReport['rounds'],
  failures: RatesReport['failures'],
): Seen {
  const [of, against] = ratios[row]
  const reason = whyNot(series[of]) ?? whyNot(series[against])
  if (reason !== undefined) return { skipped: reason }
  const failed = failures[of] ?? failures[against]
  if (failed !== undefined) return { failed }
  const perSecond = (round: RatesReport['rounds'][number], id: SeriesId): number =>
    round[id]?.perSecond ?? Number.NaN
  return { seen: spreadOf(rounds.map(round => perSecond(round, of) / perSecond(round, against))) }
}

async function countAtRest(peers: ReadonlyMap<PeerId, Peer>): Promise<number> {
  const denizen = peers.get('denizen')
  await denizen?.stop()
  return recordsAtRest(denizen?.dataDirectory ?? '')
}
