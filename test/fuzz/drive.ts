/**
 * Runs one target in a worker thread and watches it from outside: a case that computes for more
 * than a second, waits for more than half a minute, or takes too much memory ends the worker.
 */
import { setTimeout as passed } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'

export interface FuzzOptions {
  readonly seed: number
  /** The number of the first generated case. */
  readonly first?: number
  readonly count: number
}

export interface Task extends Required<FuzzOptions> {
  readonly name: string
  /** Two i32: checks begun so far, the number of the case under way. */
  readonly progress: SharedArrayBuffer
}

export interface Finding {
  /** Below zero: one of the kept cases, counted from their end. */
  readonly index: number
  readonly why: string
  /** As small as it could be made; absent where the worker had to be ended. */
  readonly input?: Uint8Array
}

/** Of processor time, so that a busy machine is not taken for a hang. */
const CASE_CPU_MS_MAX = 1_000
const CASE_WAIT_MS_MAX = 30_000
const POLL_MS = 50
const HEAP_MB_MAX = 512
/** Of the whole process: values outside of the heap count too. */
const RESIDENT_BYTES_MAX = 1_500_000_000

export async function fuzz(name: string, options: FuzzOptions): Promise<Finding | undefined> {
  const progress = new SharedArrayBuffer(8)
  const task: Task = { first: 0, ...options, name, progress }
  const worker = new Worker(new URL('./worker.ts', import.meta.url), {
    workerData: task,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB_MAX },
  })
  const counters = new Int32Array(progress)
  const ended = new AbortController()
  const result = new Promise<Finding | undefined>((resolve, reject) => {
    const crashed = (why: string): void => resolve({ index: Atomics.load(counters, 1), why })
    worker.once('message', resolve)
    worker.once('error', error => crashed(error instanceof Error ? (error.stack ?? '') : ''))
    worker.once('exit', code => crashed(`the worker ended with ${code}`))
    watch(counters, ended.signal).then(why => why && crashed(why), reject)
  })
  try {
    return await result
  } finally {
    ended.abort()
    await worker.terminate()
  }
}

/** What is wrong with the case under way; undefined once `ended`. */
async function watch(counters: Int32Array, ended: AbortSignal): Promise<string | undefined> {
  let checks = 0
  let begun = spent()
  while (!ended.aborted) {
    await passed(POLL_MS)
    const now = spent()
    const checksNow = Atomics.load(counters, 0)
    if (checksNow !== checks) begun = now
    checks = checksNow
    if (process.memoryUsage.rss() > RESIDENT_BYTES_MAX) return 'it takes too much memory'
    // Before the first check the worker still loads its modules.
    if (checks === 0) continue
    if (now.cpuMs - begun.cpuMs > CASE_CPU_MS_MAX) return 'a case computes for over a second'
    if (now.wallMs - begun.wallMs > CASE_WAIT_MS_MAX) return 'a case waits for something'
  }
  return undefined
}

function spent(): { readonly cpuMs: number; readonly wallMs: number } {
  const { user, system } = process.cpuUsage()
  return { cpuMs: (user + system) / 1_000, wallMs: performance.now() }
}
