/** How many regions hold a write on disk before it is answered: its home among them. */

/** `quorum`: most of the regions that may store the dataset; `all`: all of them. */
export type AcksLevel = number | 'quorum' | 'all'

/** The regions that a level asks for, of so many that may store: a number may be more than that. */
export function regionsOf(level: AcksLevel, storing: number): number {
  if (level === 'all') return storing
  return level === 'quorum' ? Math.floor(storing / 2) + 1 : level
}
