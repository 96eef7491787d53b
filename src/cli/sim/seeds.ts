/** `denizen sim` of seeds: runs them, counts what happened, and shows what failed. */
import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { loadHasher } from '../../model/hash.ts'
import { thinCells } from '../../simulation/coverage.ts'
import { historyLine } from '../../simulation/history-file.ts'
import type { Summary } from '../../simulation/judge.ts'
import { minimise } from '../../simulation/minimise.ts'
import { runSeed } from '../../simulation/run.ts'
import { exitCodes, usageError } from '../exit-codes.ts'
import { type Progress, startProgress } from '../import/progress.ts'
import type { Terminal } from '../terminal.ts'
import { runCampaign, type Totals, totalsOf } from './campaign.ts'
import { failureText } from './failure.ts'
import { showFates } from './fate-table.ts'

export interface SeedsOptions {
  readonly seed: number
  /** How many, from `seed` on. */
  readonly seeds: number
  /** Of the world's time, for each seed. */
  readonly minutes: number
  readonly keepGoing: boolean
  readonly json: boolean
}

/** Runs of the world's time that a minimisation may take. */
const MINIMISING_RUNS_MAX = 60

export async function runSeeds(options: SeedsOptions, terminal: Terminal): Promise<void> {
  const { seed: first, seeds, minutes, keepGoing, json } = options
  const forMs = minutes * 60_000
  const summaries: Summary[] = []
  const progress = startProgress(terminal, 'seeds')
  try {
    await runCampaign({
      seeds: Array.from({ length: seeds }, (_, n) => first + n),
      ...{ threads: availableParallelism(), forMs, stopAtFailure: !keepGoing },
      onSeed: summary => {
        summaries.push(summary)
        if (keepGoing) noteFailure(terminal, progress, summary)
        progress.update(summaries.length, seeds)
      },
    })
  } finally {
    progress.stop()
  }
  const totals = totalsOf(summaries)
  const failed = summaries.filter(({ findings }) => findings.length > 0)
  failed.sort((a, b) => a.seed - b.seed)
  if (json)
    terminal.json({ ok: failed.length === 0, ...totals, thin: thinCells(totals.fates), failed })
  else show(terminal, totals)
  if (failed.length === 0) return
  terminal.exitCode = exitCodes.failed
  const [one] = failed
  if (one && !json)
    await showFailure(terminal, one, { others: failed.slice(1).map(({ seed }) => seed), minutes })
}

/** At once: many seeds take an hour, and whoever waits can begin with what has failed. */
function noteFailure(terminal: Terminal, progress: Progress, { seed, findings }: Summary): void {
  const [first] = findings
  if (!first) return
  progress.stop()
  terminal.note(`seed ${seed} fails: ${first.invariant}: ${first.message}`)
}

/** Writes what clients of one seed saw. Throws a usage error where the file can't be written. */
export async function writeHistoryOfSeed(
  { seed, minutes }: Pick<SeedsOptions, 'seed' | 'minutes'>,
  file: string,
): Promise<void> {
  const hasher = await loadHasher()
  const { history } = await runSeed({ seed, hasher, forMs: minutes * 60_000 })
  const lines = [history.header, ...history.operations].map(historyLine)
  try {
    writeFileSync(file, lines.join(''))
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error
    throw usageError(`the history can't be written to ${file}: ${error.code}`, 'Name another file.')
  }
}

function show(terminal: Terminal, totals: Totals): void {
  const { seeds, simulatedMs, operations, relayed, homesMoved, policiesApplied, departures } =
    totals
  const { regionsAdded, regionsRetired } = totals
  const { errors, disturbances, fates } = totals
  const { recordsLost, recordsMended } = totals
  const minutes = simulatedMs / 60_000
  terminal.line(
    `${seeds} seeds, ${timeText(minutes)} of the worlds' time, ${operations} operations (${Math.round(operations / minutes)} a minute), ${relayed} of them relayed, ${homesMoved} homes moved, ${departures} groups moved to another partition, ${policiesApplied} policies applied, ${regionsAdded} regions added, ${regionsRetired} regions retired`,
  )
  terminal.line(`failed operations: ${countsText(errors)}`)
  terminal.line(`disturbances: ${countsText(disturbances)}`)
  terminal.line(`records lost behind a copy's back: ${recordsLost}, mended: ${recordsMended}`)
  terminal.line()
  showFates(terminal, fates)
}

const countsText = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .sort()
    .map(([name, n]) => `${n} ${name}`)
    .join(', ')

const timeText = (minutes: number): string =>
  minutes < 120 ? `${minutes.toFixed(1)} minutes` : `${(minutes / 60).toFixed(1)} hours`

async function showFailure(
  terminal: Terminal,
  { seed, findings }: Summary,
  { others, minutes }: { readonly others: readonly number[]; readonly minutes: number },
): Promise<void> {
  const { colors } = terminal
  terminal.line()
  terminal.line(
    colors.red(`seed ${seed} fails${others.length > 0 ? `, and ${others.join(', ')}` : ''}`),
  )
  for (const { invariant, message } of findings.slice(0, 5)) {
    terminal.line(`  ${invariant}: ${message}`)
  }
  terminal.line(`run it again: denizen sim --seed ${seed} --minutes ${minutes}`)
  terminal.note('looking for less of it that still fails …')
  const hasher = await loadHasher()
  const forMs = minutes * 60_000
  const found = await minimise({ seed, forMs }, { hasher, runsMax: MINIMISING_RUNS_MAX })
  terminal.line()
  terminal.line(
    found ? failureText(found) : 'It did not fail again: the run is no function of its seed.',
  )
}
