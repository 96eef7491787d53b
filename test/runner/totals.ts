/** What one job of the test run came to, read from what it printed and how it ended. */
import { stripVTControlCharacters } from 'node:util'

export interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

export interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly output: string
}

export interface Verdict extends Counts {
  /** Why it failed, where the output does not say so by itself. */
  readonly remarks: readonly string[]
}

/**
 * uvu's three lines at the end. A file that prints none of them, or nothing but zeros, has tested
 * nothing: that is a failure, as is an exit code that the totals do not explain.
 */
export function verdictOfTests({ code, signal, output }: Ending): Verdict {
  const totals = readTotals(output)
  const remarks: string[] = []
  if (totals === undefined) remarks.push('it printed no totals')
  else if (totals.total + totals.skipped === 0) remarks.push('it has no tests')
  const failed = totals === undefined ? 0 : totals.total - totals.passed
  if (signal !== null) remarks.push(`it ended by ${signal}`)
  else if (code !== 0 && failed === 0) remarks.push(`it ended with exit code ${code}`)
  return {
    passed: totals?.passed ?? 0,
    failed: remarks.length > 0 ? Math.max(1, failed) : failed,
    skipped: totals?.skipped ?? 0,
    remarks,
  }
}

/** The last of uvu's lines: what follows is the end of the process, if it has left nothing open. */
export const totalsEnd = /^ {2}Skipped: .*\n {2}Duration: .*\n\n$/m

/** A tool that has no totals is one check: its exit code decides. */
export function verdictOfCheck({ code, signal }: Ending): Verdict {
  const isFine = code === 0 && signal === null
  const remarks = isFine ? [] : [signal === null ? `exit code ${code}` : `it ended by ${signal}`]
  return { passed: isFine ? 1 : 0, failed: isFine ? 0 : 1, skipped: 0, remarks }
}

function readTotals(
  output: string,
): { total: number; passed: number; skipped: number } | undefined {
  const plain = stripVTControlCharacters(output)
  const [total, passed, skipped] = ['Total', 'Passed', 'Skipped'].map(name =>
    plain.match(new RegExp(`^ {2}${name}: +(\\d+)$`, 'gm'))?.at(-1),
  )
  if (total === undefined || passed === undefined || skipped === undefined) return undefined
  return { total: lastNumber(total), passed: lastNumber(passed), skipped: lastNumber(skipped) }
}

const lastNumber = (line: string): number => Number(line.slice(line.lastIndexOf(' ')))

export const sum = (all: readonly Counts[]): Counts => ({
  passed: all.reduce((count, { passed }) => count + passed, 0),
  failed: all.reduce((count, { failed }) => count + failed, 0),
  skipped: all.reduce((count, { skipped }) => count + skipped, 0),
})

/** `12 passed, 0 failed`, and skipped ones where there are any. */
export const formatCounts = ({ passed, failed, skipped }: Counts): string =>
  `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
