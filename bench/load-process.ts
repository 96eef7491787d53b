/**
 * The process that makes the load: see load.ts, which forks it, sends options, and gets a result.
 */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'
import autocannon, { type Client, type Request, type Result } from 'autocannon'
import type { LoadOptions, LoadResult } from './load.ts'
import { benchValue } from './value.ts'

const sampleMs = 100
const timeoutSeconds = 20

process.once('message', async message => {
  const options = message as LoadOptions
  const versions = new Versions()
  if (options.warmUpSeconds > 0) await shoot(options, options.warmUpSeconds, versions)
  process.send?.(await shoot(options, options.seconds, versions))
})

async function shoot(
  options: LoadOptions,
  seconds: number,
  versions: Versions,
): Promise<LoadResult> {
  const { url, method, connections, paths, newVersions } = options
  const latenciesUs = createHistogram()
  const clients = new Set<Client>()
  const cpu = process.cpuUsage()
  const result = await new Promise<Result>((resolve, reject) => {
    const settings = {
      url,
      connections,
      duration: seconds,
      timeout: timeoutSeconds,
      // Not in the types: how often it looks whether the time is over.
      sampleInt: sampleMs,
      ...(method === 'GET' && { expectBody: benchValue }),
      setupClient: (client: Client) => {
        const own = paths[clients.size % paths.length] ?? []
        clients.add(client)
        client.setRequests(own.map(path => requestFor(method, path)))
        if (newVersions) versions.watch(client, own)
      },
    }
    autocannon(settings, (error, all) => (error ? reject(error) : resolve(all))).on(
      'response',
      (_client, _status, _bytes, ms) => recordMs(latenciesUs, ms),
    )
  })
  const { user, system } = process.cpuUsage(cpu)
  const statuses = Object.entries(result.statusCodeStats ?? {})
  return {
    requests: latenciesUs.count,
    seconds: result.duration,
    requestsPerSecond: latenciesUs.count / result.duration,
    p50Ms: latenciesUs.percentile(50) / 1_000,
    p99Ms: latenciesUs.percentile(99) / 1_000,
    maxMs: latenciesUs.max / 1_000,
    generatorCores: (user + system) / 1e6 / result.duration,
    statuses: Object.fromEntries(statuses.map(([status, { count }]) => [status, count ?? 0])),
    errors: result.errors,
    timeouts: result.timeouts,
    wrongBodies: result.mismatches,
    oldVersions: versions.old,
  }
}

/** Built once, so that the load costs the machine as little as it can. */
const requestFor = (method: 'GET' | 'PUT', path: string): Request =>
  method === 'GET'
    ? { method, path }
    : { method, path, body: benchValue, headers: { 'content-type': 'application/octet-stream' } }

const recordMs = (histogram: RecordableHistogram, ms: number): void =>
  histogram.record(Math.max(1, Math.round(ms * 1_000)))

/** A connection uses its paths in turn, one request at a time: so each reply's path is known. */
class Versions {
  readonly #newest = new Map<string, readonly [term: number, seq: number]>()
  old = 0

  watch(client: Client, paths: readonly string[]): void {
    let at = 0
    client.on('headers', (reply: unknown) => {
      const path = paths[at++ % paths.length] ?? ''
      const version = versionOf(reply)
      const before = this.#newest.get(path)
      if (version === undefined || (before && !isLater(version, before))) this.old += 1
      if (version !== undefined) this.#newest.set(path, version)
    })
  }
}

const isLater = (
  [term, seq]: readonly [number, number],
  [termBefore, seqBefore]: readonly [number, number],
): boolean => term > termBefore || (term === termBefore && seq > seqBefore)

/** The ETag `"term.seq"`, in what autocannon's parser has of a reply: names and values in turn. */
function versionOf(reply: unknown): readonly [number, number] | undefined {
  const { headers } = reply as { headers: readonly string[] }
  const at = headers.findIndex((name, index) => index % 2 === 0 && name.toLowerCase() === 'etag')
  const match = /^"(\d+)\.(\d+)"$/.exec(headers[at + 1] ?? '')
  return match === null || at < 0 ? undefined : [Number(match[1]), Number(match[2])]
}
