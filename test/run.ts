/**
 * `npm test`: everything that says whether this checkout is sound, and in the last line how much of
 * it is. `npm test -- WORD …` runs the jobs whose names contain one of the words.
 *
 * Each test file is a process of its own, and two run at a time: one that starts whole worlds
 * beside one that does not, for as long as there are both. What measures runs alone, at the end.
 * The output of a job is shown when it failed.
 */
import { delimiter, join } from 'node:path'
import { type Job, plan, type Weight } from './runner/plan.ts'
import { endAll, type ProcessResult, runProcess } from './runner/run-process.ts'
import { setUpCompiler } from './runner/set-up.ts'
import {
  type Counts,
  formatCounts,
  sum,
  totalsEnd,
  type Verdict,
  verdictOfCheck,
  verdictOfTests,
} from './runner/totals.ts'

const checkout = join(import.meta.dirname, '..')
/** Of the whole run; what has not begun by then counts as failed. */
const wholeLimitMs = 14.5 * 60_000

/** `npm run test:crash` sets it: crash tests that know it go on for so long. */
const crashSeconds = Number(process.env.DENIZEN_CRASH_SECONDS ?? 0)
if (!(crashSeconds >= 0)) throw new Error('DENIZEN_CRASH_SECONDS is no number of seconds')
const extraMs = crashSeconds * 1_000

const startMs = performance.now()
const jobs = plan({ checkout, filters: process.argv.slice(2), extraMs })

async function main(): Promise<void> {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      endAll()
      process.exit(130)
    })
  }
  if (jobs.some(({ name }) => name.startsWith('test/crash/'))) print(await setUpCompiler())
  const of = (weight: Weight): Job[] => jobs.filter(job => job.weight === weight)
  const [light, worlds] = [of('light'), of('world')]
  const counts: Counts[] = []
  const lane = async (...queues: readonly Job[][]): Promise<void> => {
    for (let job = nextOf(queues); job; job = nextOf(queues)) counts.push(await runJob(job))
  }
  await Promise.all([lane(light, worlds), lane(worlds, light)])
  await lane(of('measures'))
  finish(sum(counts))
}

const nextOf = (queues: readonly Job[][]): Job | undefined =>
  queues.find(({ length }) => length > 0)?.shift()

async function runJob(job: Job): Promise<Counts> {
  const leftMs = wholeLimitMs + extraMs - (performance.now() - startMs)
  if (leftMs <= 0) {
    print(`FAIL  ${job.name}  was not run: the whole run has taken too long`)
    return { passed: 0, failed: 1, skipped: 0 }
  }
  const { command, args } = job
  const timeLimitMs = Math.min(job.timeLimitMs, leftMs)
  const result = await runProcess({
    ...{ command, args, workingDirectory: checkout, env, timeLimitMs },
    ...(job.kind === 'tests' && { lastWords: totalsEnd }),
  })
  const verdict = verdictOf(job, result, timeLimitMs)
  show(job, result, verdict)
  return verdict
}

function verdictOf(job: Job, result: ProcessResult, timeLimitMs: number): Verdict {
  const verdict = job.kind === 'check' ? verdictOfCheck(result) : verdictOfTests(result)
  const remarks = result.isOverTime || result.isLingering ? [] : [...verdict.remarks]
  if (result.isOverTime) remarks.push(`it was ended after ${seconds(timeLimitMs)}`)
  if (result.isLingering) remarks.push('it did not end by itself after its totals')
  if (result.leftBehind > 0) remarks.push(`it left ${result.leftBehind} processes running`)
  const failed = remarks.length > 0 ? Math.max(1, verdict.failed) : verdict.failed
  return { ...verdict, failed, remarks }
}

function show(job: Job, { durationMs, output }: ProcessResult, verdict: Verdict): void {
  const isFailed = verdict.failed > 0
  const line = [isFailed ? 'FAIL' : 'ok  ', job.name.padEnd(nameWidth), formatCounts(verdict)]
  print(`${line.join('  ')}  ${seconds(durationMs)}`)
  if (!isFailed) return
  for (const remark of verdict.remarks) print(`      ${remark}`)
  for (const text of output.trimEnd().split('\n')) print(`    | ${text}`)
}

function finish(counts: Counts): void {
  if (jobs.length === 0) {
    print(`no job is called so: ${process.argv.slice(2).join(' ')}`)
    process.exitCode = 2
  }
  if (counts.failed > 0) process.exitCode = 1
  print(`${seconds(performance.now() - startMs)} in all`)
  print(formatCounts(counts))
}

const nameWidth = Math.max(0, ...jobs.map(({ name }) => name.length))
const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** Tests find the checkout's own Node and tools first, as npm scripts do, and get no colors. */
const { FORCE_COLOR: _, ...inherited } = process.env
const env: NodeJS.ProcessEnv = {
  ...inherited,
  // Hundreds of nodes are started: most of what a start costs is compiling the same modules.
  NODE_COMPILE_CACHE: join(checkout, 'node_modules/.cache/compile'),
  PATH: [join(checkout, 'node_modules/.bin'), process.env.PATH].join(delimiter),
}

try {
  await main()
} catch (error) {
  endAll()
  process.stderr.write(`${error instanceof Error ? error.stack : error}\n`)
  print('0 passed, 1 failed')
  process.exitCode = 1
}
