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
import { judge, type RowId, rows, type Seen } from './rows.ts'
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
}

type Findings = Pick<Report, 'rows'> & Partial<Report>

async function runAll({ workloads, scale, threads }: Options): Promise<Findings> {
  const asked = rows.filter(({ workload }) => workloads.has(workload))
  const rateRows = asked.map(({ id }) => id).filter(isRateRow)
  const rates =
    rateRows.length > 0
      ? await told('rates', () => benchRates({ rows: rateRows, scale, threads }))
      : undefined
  const residency = workloads.has('residency')
    ? await told('residency', () => benchResidency(scale, threads))
    : undefined
  const latency = workloads.has('latency')
    ? await told('latency', () => benchLatency(scale, threads))
    : undefined
  const start = workloads.has('start')
    ? await told('start', () => benchStart(scale, threads))
    : undefined
  const memory = workloads.has('memory')
    ? await told('memory', () => benchMemory(scale, threads))
    : undefined
  const matrix = workloads.has('matrix')
    ? await told('matrix', () => benchMatrix(scale, threads))
    : undefined
  const cities = workloads.has('import')
    ? await told('import', () => benchImport({ minPopulation: scale.minPopulation }))
    : undefined
  const seen: Partial<Record<RowId, Seen>> = {
    ...{ ...rates?.seen, ...start?.seen },
    ...(residency && { 5: residency.seen }),
    ...(latency && { 6: latency.seen }),
    ...(memory && { 8: memory.seen }),
  }
  const nothing: Seen = { skipped: 'not measured' }
  return {
    rows: asked.map(row => judge(row, seen[row.id] ?? nothing)),
    ...{ ...(rates && { rates }), ...(residency && { residency }), ...(latency && { latency }) },
    ...{ ...(start && { start }), ...(memory && { memory }), ...(matrix && { matrix }) },
    ...(cities && { cities }),
  }
}

async function told<T>(workload: string, task: () => Promise<T>): Promise<T> {
  const startMs = performance.now()
  const result = await task()
  tell(`${workload}: ${((performance.now() - startMs) / 1_000).toFixed(0)} s`)
  return result
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
