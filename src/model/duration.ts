/**
 * Durations as people write them in policies, headers and flags: an integer and one unit, `500ms`,
 * `5s`, `10m`, `2h`, `30d`. One grammar everywhere. A day is 24 hours; there are no months.
 */
import { timing } from './limits.ts'

const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

type Unit = keyof typeof unitMs

/** Largest first: the unit that a duration is written in. */
const units: readonly Unit[] = ['d', 'h', 'm', 's', 'ms']

const isUnit = (text: string | undefined): text is Unit =>
  text !== undefined && Object.hasOwn(unitMs, text)

/** Milliseconds of a duration; `undefined` when the text is none. */
export function parseDuration(text: string): number | undefined {
  const match = /^(0|[1-9]\d{0,15})([a-z]{1,2})$/.exec(text)
  const unit = match?.[2]
  if (!isUnit(unit)) return undefined
  const ms = Number(match?.[1]) * unitMs[unit]
  return Number.isSafeInteger(ms) ? ms : undefined
}

/** Whether a text is a life that a value can be given. */
export function isTtl(text: string): boolean {
  const ms = parseDuration(text)
  return ms !== undefined && ms > 0 && ms <= timing.ttlMaxMs
}

/** The shortest text that `parseDuration` reads back as the same number. */
export function formatDuration(ms: number): string {
  const unit = ms === 0 ? 's' : (units.find(candidate => ms % unitMs[candidate] === 0) ?? 'ms')
  return `${ms / unitMs[unit]}${unit}`
}
