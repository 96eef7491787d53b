/** `npm run bench`: the harness. See bench/README.md for what is measured and how to read it. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pc from 'picocolors'
import { endAllOnSignals } from './children.ts'
import { hasRedisBenchmark } from './loads/redis-benchmark.ts'
import { hasWrk } from './loads/wrk.ts'
import { describeCommit, describeMachine } from './machine.ts'
import { type Options, readOptions, UsageError, usage } from './options.ts'
import type { PeerId } from './peers/peer.ts'
import { missingPeer } from './peers/peers.ts'
import { formatReport, type Report } from './report.ts'
import { judge, type Row, type RowId, rows, type Seen, type WorkloadId } from './rows.ts'
import { benchImport } from './workloads/import.ts'
import { benchLatency } from './workloads/latency.ts'
import { benchMatrix } from './workloads/matrix.ts'
import { benchMemory } from './workloads/memory.ts'
import { benchRates, isRateRow } from './workloads/rates.ts'
import { benchResidency } from './workloads/residency.ts'
import { benchStart } from './workloads/start.ts'

const checkout = join(import.meta.dirname, '..')

async function main(): Promise<void> {
  const args = process.argv.slice(2)
  const options = readOptions(args)
  if (options.isHelp) {
    process.stdout.write(`${usage}\n`)
    return
  }
  endAllOnSignals()
  const date = new Date().toISOString()
  const { what, out, asJson } = options
  const base = {
    ...{ what, date, scale: options.scaleId, threads: options.threads, missing: whatIsMissing() },
    command: ['npm run bench', ...(args.length > 0 ? ['--', ...args] : [])].join(' '),
    commit: describeCommit(checkout),
    machine: describeMachine(),
  }
  for (const line of base.missing) tell(line)
  const report: Report = { ...base, ...(await runAll(options)) }
  const text = `${JSON.stringify(report, null, 2)}\n`
  mkdirSync(out, { recursive: true })
  writeFileSync(join(out, `${date.slice(0, 10)}-${what}.json`), text)
  process.stdout.write(asJson ? text : `${formatReport(pc, report)}\n`)
  const isWhole = report.rows.every(row => !('failed' in row))
  if (!isWhole || Object.keys(report.failures).length > 0) process.exitCode = 1
}

type Findings = Pick<Report, 'rows' | 'failures'> & Partial<Report>

async function runAll({ workloads, scale, threads }: Options): Promise<Findings> {
  const asked = rows.filter(({ workload }) => workloads.has(workload))
  const rateRows = asked.map(({ id }) => id).filter(isRateRow)
  const runs = new Runs(workloads)
  const rates =
    rateRows.length > 0
      ? await runs.run('rates', () => benchRates({ rows: rateRows, scale, threads }))
      : undefined
  const residency = await runs.asked('residency', () => benchResidency(scale, threads))
  const latency = await runs.asked('latency', () => benchLatency(scale, threads))
  const start = await runs.asked('start', () => benchStart(scale, threads))
  const memory = await runs.asked('memory', () => benchMemory(scale, threads))
  const matrix = await runs.asked('matrix', () => benchMatrix(scale, threads))
  const { minPopulation } = scale
  const cities = await runs.asked('import', () => benchImport({ minPopulation }))
  const seen: Partial<Record<RowId, Seen>> = {
    ...{ ...rates?.seen, ...start?.seen },
    ...(residency && { 5: residency.seen }),
    ...(latency && { 6: latency.seen }),
    ...(memory && { 8: memory.seen }),
  }
  const failures = { ...runs.failures, ...matrix?.failures }
  const unseen = (row: Row): Seen => ({
    failed: failures[isRateRow(row.id) ? 'rates' : row.workload] ?? 'it was not measured',
  })
  return {
    ...{ rows: asked.map(row => judge(row, seen[row.id] ?? unseen(row))), failures },
    ...{ ...(rates && { rates }), ...(residency && { residency }), ...(latency && { latency }) },
    ...{ ...(start && { start }), ...(memory && { memory }), ...(matrix && { matrix }) },
    ...(cities && { cities }),
  }
}

/** Runs workloads one after the other. One that fails gives no figures; the others go on. */
class Runs {
  readonly #workloads: ReadonlySet<WorkloadId>
  readonly failures: Record<string, string> = {}

  constructor(workloads: ReadonlySet<WorkloadId>) {
    this.#workloads = workloads
  }

  async asked<T>(workload: WorkloadId, task: () => Promise<T>): Promise<T | undefined> {
    return this.#workloads.has(workload) ? await this.run(workload, task) : undefined
  }

  async run<T>(name: string, task: () => Promise<T>): Promise<T | undefined> {
    const startMs = performance.now()
    try {
      const result = await task()
      tell(`${name}: ${((performance.now() - startMs) / 1_000).toFixed(0)} s`)
      return result
    } catch (error) {
      tell(`${name}: ${error instanceof Error ? error.stack : error}`)
      this.failures[name] = error instanceof Error ? error.message : `${error}`
      return undefined
    }
  }
}

/** Beside the report: what goes on. */
function tell(line: string): void {
  process.stderr.write(`${line}\n`)
}

const peerIds: readonly PeerId[] = ['redis', 'etcd', 'nats']

function whatIsMissing(): readonly string[] {
  return [
    ...peerIds.flatMap(id => {
      const missing = missingPeer(id)
      return missing === undefined ? [] : [`${missing}: left out`]
    }),
    ...(hasWrk() ? [] : ['wrk is not installed: our own generator in its place, batches left out']),
    ...(hasRedisBenchmark()
      ? []
      : ['redis-benchmark is not installed: our own generator, nothing 32 deep']),
  ]
}

try {
  await main()
} catch (error) {
  const isMistake = error instanceof UsageError
  const text = isMistake ? `${error.message}\n${usage}` : (error as Error).stack
  process.stderr.write(`${text}\n`)
  process.exitCode = isMistake ? 2 : 1
}
