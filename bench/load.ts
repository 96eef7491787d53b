/**
 * Load over HTTP, by autocannon in a process of its own. A figure is only given out when every
 * reply was what it had to be.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'

export interface LoadOptions {
  readonly url: string
  readonly method: 'GET' | 'PUT'
  readonly connections: number
  readonly seconds: number
  readonly warmUpSeconds: number
  /** Paths of each connection, used in turn: no two connections share one. */
  readonly paths: readonly (readonly string[])[]
  readonly statuses: readonly number[]
  /** Every reply has an ETag, and for each path a greater one than the reply before. */
  readonly newVersions: boolean
}

const resultSchema = z.object({
  requests: z.int(),
  seconds: z.number(),
  requestsPerSecond: z.number(),
  p50Ms: z.number(),
  p99Ms: z.number(),
  maxMs: z.number(),
  /** Of the process that makes the load. Near 1, the figure is its own limit. */
  generatorCores: z.number(),
  statuses: z.record(z.string(), z.int()),
  errors: z.int(),
  timeouts: z.int(),
  wrongBodies: z.int(),
  /** Replies of PUTs that did not name a new version. */
  oldVersions: z.int(),
})

export type LoadResult = z.infer<typeof resultSchema>

const script = fileURLToPath(new URL('./load-process.ts', import.meta.url))

/** Throws when a reply was wrong, or when there was none. */
export async function load(options: LoadOptions): Promise<LoadResult> {
  const child = fork(script)
  child.send(options)
  const [message] = await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => {
      throw new Error(`the process that makes the load ended with ${code}`)
    }),
  ])
  child.kill()
  const result = resultSchema.parse(message)
  const problems = problemsOf(options, result)
  if (problems.length === 0) return result
  throw new Error(`${options.method} ${options.url}: ${problems.join(', ')}`)
}

function problemsOf({ statuses }: LoadOptions, result: LoadResult): readonly string[] {
  const wrongStatuses = Object.entries(result.statuses)
    .filter(([status]) => !statuses.includes(Number(status)))
    .map(([status, count]) => `${count} replies with status ${status}`)
  return [
    ...wrongStatuses,
    ...(result.requests === 0 ? ['no replies'] : []),
    ...(result.errors > 0 ? [`${result.errors} connection errors`] : []),
    ...(result.wrongBodies > 0 ? [`${result.wrongBodies} wrong bodies`] : []),
    ...(result.oldVersions > 0 ? [`${result.oldVersions} writes without a new version`] : []),
  ]
}
