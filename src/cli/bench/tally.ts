/** What a run of `denizen bench` amounted to. */
import type { OperationRecord } from '../../simulation/history.ts'

export interface KindReport {
  readonly kind: string
  readonly count: number
  readonly perSecond: number
  /** Of those that were answered without an error; refused preconditions count as answered. */
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

export interface LoadReport {
  readonly seconds: number
  readonly operations: number
  readonly perSecond: number
  readonly kinds: readonly KindReport[]
  /** By code; `no_answer` where none came. */
  readonly errors: Readonly<Record<string, number>>
}

export class Tally {
  readonly #latencies = new Map<string, number[]>()
  readonly #errors = new Map<string, number>()
  #failed = 0

  add({ operation, result, invokeMs, returnMs }: OperationRecord): void {
    if (result === null || returnMs === null || result.kind === 'error') {
      const code = result?.kind === 'error' ? result.code : 'no_answer'
      this.#errors.set(code, (this.#errors.get(code) ?? 0) + 1)
      this.#failed += 1
      return
    }
    const kind =
      operation.kind === 'get'
        ? `get ${operation.consistency}`
        : operation.kind !== 'tx' && (operation.ifMatch ?? operation.ifNoneMatch) !== undefined
          ? `${operation.kind} if`
          : operation.kind
    const latencies = this.#latencies.get(kind)
    if (latencies) latencies.push(returnMs - invokeMs)
    else this.#latencies.set(kind, [returnMs - invokeMs])
  }

  report(seconds: number): LoadReport {
    const kinds = [...this.#latencies]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([kind, latencies]) => kindReport(kind, latencies, seconds))
    const answered = kinds.reduce((sum, { count }) => sum + count, 0)
    return {
      seconds: rounded(seconds),
      operations: answered + this.#failed,
      perSecond: Math.round(answered / seconds),
      kinds,
      errors: Object.fromEntries([...this.#errors].sort()),
    }
  }
}

function kindReport(kind: string, latencies: number[], seconds: number): KindReport {
  latencies.sort((a, b) => a - b)
  /** Nearest rank: of a hundred latencies the p99 is the 99th. */
  const percentile = (part: number): number =>
    rounded(latencies[Math.ceil(part * latencies.length) - 1] ?? 0)
  return {
    kind,
    count: latencies.length,
    perSecond: Math.round(latencies.length / seconds),
    p50Ms: percentile(0.5),
    p95Ms: percentile(0.95),
    p99Ms: percentile(0.99),
    maxMs: percentile(1),
  }
}

const rounded = (value: number): number => Math.round(value * 100) / 100
