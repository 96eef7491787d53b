/** The rows that a run has to answer, each with its target, and how they are judged. */

/** Of a figure of several rounds. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

export type Target = { readonly atLeast: number } | { readonly below: number }

export interface Row {
  readonly id: RowId
  /** What `--only` calls the workload that measures it. */
  readonly workload: WorkloadId
  readonly what: string
  readonly target: Target
  readonly unit: '' | '%' | ' MB'
}

export type RowId = '1' | '2a' | '2b' | '3' | '4' | '5' | '6' | '7a' | '7b' | '8'

export const workloadIds = [
  ...(['get', 'put', 'batch-put', 'batch-get', 'residency', 'latency', 'start', 'memory'] as const),
  ...(['matrix', 'import'] as const),
] as const

export type WorkloadId = (typeof workloadIds)[number]

const row = (
  id: RowId,
  workload: WorkloadId,
  what: string,
  target: Target,
  unit: Row['unit'] = '',
): Row => ({ id, workload, what, target, unit })

export const rows: readonly Row[] = [
  row('1', 'get', 'GET / bare node:http', { atLeast: 0.8 }),
  row('2a', 'put', 'durable PUT / Redis SET, synced', { atLeast: 0.7 }),
  row('2b', 'put', "durable PUT / etcd's gateway", { atLeast: 2.5 }),
  row('3', 'batch-put', 'durable batch put / Redis SET, synced, 32 deep', { atLeast: 1.2 }),
  row('4', 'batch-get', 'batch get / Redis GET in memory, 32 deep', { atLeast: 0.5 }),
  row('5', 'residency', 'residency checks of a GET / its CPU time', { below: 1 }, '%'),
  row('6', 'latency', 'p99 of GET at half the peak / at a tenth', { below: 3 }),
  row('7a', 'start', 'start with all keys / empty start', { below: 2 }),
  row('7b', 'start', 'start after kill -9 / empty start', { below: 2 }),
  row('8', 'memory', 'memory of a further million keys', { below: 50 }, ' MB'),
]

/** What was seen of a row, why it was not looked at, or what went wrong: then no figure. */
export type Seen =
  | { readonly seen: Spread }
  | { readonly skipped: string }
  | { readonly failed: string }

export type RowResult = Row & Seen & { readonly verdict: string }

export function judge(row: Row, result: Seen): RowResult {
  if ('seen' in result) return { ...row, ...result, verdict: verdictOf(row, result.seen) }
  return { ...row, ...result, verdict: 'failed' in result ? 'no figure' : 'skipped' }
}

function verdictOf({ target }: Row, { median }: Spread): string {
  const isMet = 'atLeast' in target ? median >= target.atLeast : median < target.below
  if (isMet) return 'met'
  const limit = 'atLeast' in target ? target.atLeast : target.below
  return `missed by ${Math.max(1, Math.round(Math.abs(1 - median / limit) * 100))}%`
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const [low = 0, high = 0] = [
    sorted[Math.floor((sorted.length - 1) / 2)],
    sorted[Math.ceil((sorted.length - 1) / 2)],
  ]
  return (low + high) / 2
}

export const spreadOf = (values: readonly number[]): Spread => ({
  median: median(values),
  min: Math.min(...values),
  max: Math.max(...values),
})
