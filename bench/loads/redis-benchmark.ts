/** redis-benchmark: it asks for `key:` and twelve random digits below -r; without it, one key. */
import { programPath, runToEnd } from './program.ts'
import type { Operation } from './reply.ts'

export interface RedisBenchmarkOptions {
  readonly port: number
  readonly operation: Operation
  readonly connections: number
  readonly keys: number
  readonly valueBytes: number
  readonly requests: number
  /** Commands that are sent before the first is answered. */
  readonly depth: number
}

export interface RedisBenchmarkResult {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly generatorCores: number
}

export const hasRedisBenchmark = (): boolean => programPath('redis-benchmark') !== undefined

/** Throws when a command failed. That keys were found, the server's own counts have to say. */
export async function redisBenchmark(
  options: RedisBenchmarkOptions,
): Promise<RedisBenchmarkResult> {
  const { port, operation, connections, keys, valueBytes, requests, depth } = options
  const { output, cores } = await runToEnd('redis-benchmark', [
    ...['-h', '127.0.0.1', '-p', `${port}`, '-c', `${connections}`, '-n', `${requests}`],
    ...['-r', `${keys}`, '-d', `${valueBytes}`, '-P', `${depth}`],
    ...['-t', operation === 'put' ? 'set' : 'get', '--csv', '-e'],
  ])
  const [head = [], row = []] = output
    .split('\n')
    .filter(line => line.startsWith('"'))
    .map(line => line.split(',').map(field => field.replaceAll('"', '')))
  const value = (name: string): number => Number(row[head.indexOf(name)])
  const result = {
    perSecond: value('rps'),
    p50Ms: value('p50_latency_ms'),
    p99Ms: value('p99_latency_ms'),
    generatorCores: cores,
  }
  if (result.perSecond > 0) return result
  throw new Error(`redis-benchmark gave no result: ${output}`)
}
