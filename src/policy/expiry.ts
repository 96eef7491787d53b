/**
 * Dated data: law changes, so every row of law is good until a date and has to be read again then.
 * Past it, policy checks are blocked; 90, 30 and 7 days before, they warn. A node that restarts on
 * the policy in force never asks.
 */
import { assert } from '../model/assert.ts'
import type { DiagnosticCode, Severity } from './diagnostic.ts'
import type { DatedRow } from './selector.ts'

const dayMs = 86_400_000

const stages: readonly { readonly days: number; readonly code: DiagnosticCode }[] = [
  { days: 7, code: 'data_expires_in_7_days' },
  { days: 30, code: 'data_expires_in_30_days' },
  { days: 90, code: 'data_expires_in_90_days' },
]

export interface DateFinding {
  readonly severity: Severity
  readonly code: DiagnosticCode
  readonly message: string
  readonly advice: string
}

/** Days from one ISO date to another; negative if `to` is before `from`. */
export function daysBetween(from: string, to: string): number {
  const days = (Date.parse(`${to}T00:00:00Z`) - Date.parse(`${from}T00:00:00Z`)) / dayMs
  assert(Number.isInteger(days), `dates are written YYYY-MM-DD: ${from}, ${to}`)
  return days
}

/** What a check on the day `today` has to say about a row; the last day still counts as good. */
export function dateFinding(row: DatedRow, today: string): DateFinding | undefined {
  const left = daysBetween(today, row.expiresOn)
  const advice = `read ${row.source} again and update Denizen`
  if (left < 0) {
    const message = `the data on ${row.name} was good until ${row.expiresOn}: nothing can be checked against it any more`
    return { severity: 'error', code: 'data_expired', message, advice }
  }
  const stage = stages.find(({ days }) => left <= days)
  if (!stage) return undefined
  const when = left === 0 ? 'today' : `in ${left} ${left === 1 ? 'day' : 'days'}`
  const message = `the data on ${row.name} expires ${when}, on ${row.expiresOn}: after that, policy checks are blocked`
  return { severity: 'warning', code: stage.code, message, advice }
}
