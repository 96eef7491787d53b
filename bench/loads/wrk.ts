/** wrk: load over HTTP as fast as replies come. It is not installed with the project. */
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { programPath, runToEnd } from './program.ts'
import type { Operation } from './reply.ts'

export interface WrkOptions {
  readonly script: 'single' | 'batch' | 'etcd'
  readonly port: number
  readonly path: string
  readonly operation: Operation
  readonly connections: number
  readonly keys: number
  readonly valueBytes: number
  readonly seconds: number
  /** Of one request. */
  readonly operations: number
  /** No reply within the time is no failure. */
  readonly mayBeSilent?: true
}

const resultSchema = z.object({
  requests: z.int(),
  seconds: z.number(),
  bytes: z.int(),
  failedConnections: z.int(),
  wrongStatuses: z.int(),
  timeouts: z.int(),
  wrongReplies: z.int(),
  p50Ms: z.number(),
  p99Ms: z.number(),
  maxMs: z.number(),
})

export interface WrkResult {
  readonly requests: number
  readonly seconds: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly generatorCores: number
}

export const hasWrk = (): boolean => programPath('wrk') !== undefined

/** Throws when a reply was wrong, or when there was none. */
export async function wrk(options: WrkOptions): Promise<WrkResult> {
  const { script, port, path, operation, connections, keys, valueBytes, seconds } = options
  const file = fileURLToPath(new URL(`./wrk/${script}.lua`, import.meta.url))
  const { output, cores } = await runToEnd('wrk', [
    ...['-t', '1', '-c', `${connections}`, '-d', `${seconds}s`, '--timeout', '20s', '-s', file],
    ...[`http://127.0.0.1:${port}${path}`, '--', operation],
    ...[`${keys}`, `${valueBytes}`, `${options.operations}`],
  ])
  const line = /^RESULT (.*)$/m.exec(output)?.[1]
  if (line === undefined) throw new Error(`wrk gave no result: ${output}`)
  const result = resultSchema.parse(JSON.parse(line))
  // Of every reply: a GET's has a value in it, whatever else.
  const leastBytes = operation === 'get' ? result.requests * options.operations * valueBytes : 0
  const problems = [
    ...(result.requests === 0 && !options.mayBeSilent ? ['no replies'] : []),
    ...(result.wrongStatuses > 0 ? [`${result.wrongStatuses} replies with a wrong status`] : []),
    ...(result.wrongReplies > 0 ? [`${result.wrongReplies} wrong replies`] : []),
    ...(result.failedConnections > 0 ? [`${result.failedConnections} connection errors`] : []),
    ...(result.bytes < leastBytes ? ['replies without values'] : []),
    ...(result.timeouts > 0 ? [`${result.timeouts} timeouts`] : []),
  ]
  if (problems.length > 0) throw new Error(`wrk ${script} ${operation}: ${problems.join(', ')}`)
  const { requests, p50Ms, p99Ms } = result
  return { requests, seconds: result.seconds, p50Ms, p99Ms, generatorCores: cores }
}
