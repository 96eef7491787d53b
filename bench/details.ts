/** What stands behind the rows of single workloads, each in a line or two. */
import { median } from './rows.ts'
import type { LatencyReport, LatencyRound } from './workloads/latency.ts'
import type { MemoryAt, MemoryReport } from './workloads/memory.ts'
import type { ResidencyReport } from './workloads/residency.ts'
import type { StartReport, StartRound } from './workloads/start.ts'

export interface Detailed {
  readonly residency?: ResidencyReport
  readonly latency?: LatencyReport
  readonly start?: StartReport
  readonly memory?: MemoryReport
}

export const detailsOf = ({ residency, latency, start, memory }: Detailed): readonly string[] => [
  ...(residency ? [residencyLine(residency)] : []),
  ...(latency ? [latencyLine(latency)] : []),
  ...(start ? [startLine(start)] : []),
  ...(memory ? [memoryLine(memory)] : []),
]

function residencyLine({ rounds, datasets, regions }: ResidencyReport): string {
  const checks = median(rounds.map(it => it.checksNs))
  const whole = median(rounds.map(it => it.getCpuUs))
  const policy = `${datasets} datasets, ${regions} regions`
  return `residency: ${Math.round(checks)} ns of ${whole.toFixed(1)} µs for a GET; ${policy}`
}

function latencyLine({ rounds }: LatencyReport): string {
  const at = (load: 'tenth' | 'half', share: number): string => {
    const of = (figure: (round: LatencyRound) => number): string =>
      median(rounds.map(figure)).toFixed(2)
    const rate = Math.round(median(rounds.map(it => it.peak.perSecond * share)))
    const [p50, p99] = [of(it => it[load].p50Ms), of(it => it[load].p99Ms)]
    return `at ${rate}/s p50 ${p50}, p99 ${p99}, p99.9 ${of(it => it[load].p999Ms)} ms`
  }
  return `latency of GET: ${at('tenth', 0.1)}; ${at('half', 0.5)}`
}

function startLine(report: StartReport): string {
  const { keys, fillSeconds, rounds } = report
  const ms = (of: (round: StartRound) => number): number => Math.round(median(rounds.map(of)))
  return [
    `start: empty ${ms(it => it.emptyMs)} ms, with ${keys} keys ${ms(it => it.stoppedMs)} ms,`,
    `after kill -9 ${ms(it => it.killedMs)} ms; filled at ${Math.round(keys / fillSeconds)} keys/s,`,
    `${Math.round(report.diskBytes / keys)} bytes of disk for each key`,
  ].join(' ')
}

function memoryLine({ from, to }: MemoryReport): string {
  const at = ({ keys, memory }: MemoryAt): string => {
    const [held, mapped] = [memory.anonBytes + memory.shmemBytes, memory.fileBytes]
    return `${keys} keys: ${megabytes(held)} MB held, ${megabytes(mapped)} MB of page cache`
  }
  return `memory: ${at(from)}; ${at(to)}`
}

const megabytes = (bytes: number): number => Math.round(bytes / 1e6)
