/**
 * Many seeds, over as many threads as there are cores. A run is judged in the thread that has made
 * it; what comes back is a summary. Seeds come back in any order.
 */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Disturbance } from '../../simulation/disturbances.ts'
import { addFates } from '../../simulation/fates.ts'
import type { Summary } from '../../simulation/judge.ts'

export interface CampaignOptions {
  readonly seeds: readonly number[]
  readonly threads: number
  /** See `RunOptions`. */
  readonly forMs: number
  readonly onSeed: (summary: Summary) => void
  /** Ends after the first seed that has failed. */
  readonly stopAtFailure: boolean
}

/** What a thread is asked for. */
export interface SeedRequest {
  readonly seed: number
  readonly forMs: number
  readonly disturbances?: readonly Disturbance[]
}

/** Resolves when all seeds have run, or the first one has failed. Rejects where a thread breaks. */
export async function runCampaign(options: CampaignOptions): Promise<void> {
  const { seeds, threads, forMs, onSeed, stopAtFailure } = options
  const left = [...seeds]
  let failed = false
  const next = (worker: Worker): void => {
    const seed = failed && stopAtFailure ? undefined : left.shift()
    worker.postMessage(seed === undefined ? 'end' : ({ seed, forMs } satisfies SeedRequest))
  }
  const run = async (): Promise<void> => {
    const worker = new Worker(new URL('./campaign-thread.ts', import.meta.url))
    worker.on('message', (summary: Summary) => {
      if (summary.findings.length > 0) failed = true
      onSeed(summary)
      next(worker)
    })
    next(worker)
    // Rejects with what the thread has thrown.
    await once(worker, 'exit')
  }
  await Promise.all(Array.from({ length: Math.min(threads, seeds.length) }, run))
}

/** The counts of many seeds. */
export interface Totals extends Omit<Summary, 'seed' | 'findings'> {
  readonly seeds: number
}

export function totalsOf(summaries: readonly Summary[]): Totals {
  const sum = (of: (summary: Summary) => number): number =>
    summaries.reduce((total, summary) => total + of(summary), 0)
  return {
    seeds: summaries.length,
    simulatedMs: sum(({ simulatedMs }) => simulatedMs),
    operations: sum(({ operations }) => operations),
    events: sum(({ events }) => events),
    homesMoved: sum(({ homesMoved }) => homesMoved),
    recordsLost: sum(({ recordsLost }) => recordsLost),
    recordsMended: sum(({ recordsMended }) => recordsMended),
    departures: sum(({ departures }) => departures),
    policiesApplied: sum(({ policiesApplied }) => policiesApplied),
    regionsAdded: sum(({ regionsAdded }) => regionsAdded),
    regionsRetired: sum(({ regionsRetired }) => regionsRetired),
    relayed: sum(({ relayed }) => relayed),
    errors: addCounts(summaries.map(({ errors }) => errors)),
    disturbances: addCounts(summaries.map(({ disturbances }) => disturbances)),
    fates: addFates(summaries.map(({ fates }) => fates)),
  }
}

function addCounts(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums: Record<string, number> = {}
  for (const counts of all) {
    for (const [name, n] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + n
  }
  return sums
}
