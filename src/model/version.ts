/**
 * A version is `term.seq`. The term goes up whenever the group's home changes; seq is the position
 * at which the home's feed took the write. Versions are compared within one group only, term first.
 * No clock is involved. The ETag of a value is its version in quotes.
 */
import type { Position } from './position.ts'

export interface Version {
  readonly term: number
  readonly seq: Position
}

export const compareVersions = (a: Version, b: Version): number =>
  a.term === b.term ? a.seq - b.seq : a.term - b.term

export const formatVersion = (version: Version): string => `${version.term}.${version.seq}`

/** Reads `term.seq`; `undefined` when the text is no version. */
export function parseVersion(text: string): Version | undefined {
  const match = /^(0|[1-9]\d{0,15})\.(0|[1-9]\d{0,15})$/.exec(text)
  if (!match) return undefined
  const version = { term: Number(match[1]), seq: Number(match[2]) }
  return Number.isSafeInteger(version.term) && Number.isSafeInteger(version.seq)
    ? version
    : undefined
}

/**
 * Terms: `registrar epoch × 2³² + n`, n being the slot's durable claim counter. Term 0 is the home
 * that everybody computes without a claim.
 */
export const IMPLICIT_TERM = 0
const TERM_UNIT = 2 ** 32
export const claimTerm = (registrarEpoch: number, n: number): number =>
  registrarEpoch * TERM_UNIT + n

/** What `claimTerm` made a term of. */
export const termInEpoch = (term: number): { epoch: number; n: number } => ({
  epoch: Math.floor(term / TERM_UNIT),
  n: term % TERM_UNIT,
})
