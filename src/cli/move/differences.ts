/** What a record's copy in the other partition lacks: decided from data alone. */

/** A record of the group that moves. */
export interface Original {
  readonly digest: string
  /** Wall-clock ms; undefined: it stays. */
  readonly expiresAtMs: number | undefined
}

/** What the other partition has under its new name. */
export interface Copy extends Original {
  readonly etag: string
}

export interface Known {
  /** This move has written, or was about to write, a record with that digest. */
  readonly isOurs: (digest: string) => boolean
  /** The version in which this run was told that the copy is on as many disks as was asked. */
  readonly acknowledged: string | undefined
}

export type Difference =
  | { readonly kind: 'none' }
  /** To be written, over the version `over`; undefined: there is nothing yet. */
  | { readonly kind: 'write'; readonly over: string | undefined }
  /** It has no original any more. */
  | { readonly kind: 'delete'; readonly over: string }
  /** Somebody else has written it: it is not to be touched. */
  | { readonly kind: 'foreign' }

/**
 * Deadlines travel as lives: the home of the copy adds what is left to its own clock. Time on the
 * way, and what the clocks of the two homes and of the mover differ by, come on top.
 */
export const deadlineToleranceMs = 5_000

export function differenceOf(
  original: Original | undefined,
  copy: Copy | undefined,
  { isOurs, acknowledged }: Known,
): Difference {
  if (!copy) return original ? { kind: 'write', over: undefined } : { kind: 'none' }
  if (!isOurs(copy.digest)) return { kind: 'foreign' }
  if (!original) return { kind: 'delete', over: copy.etag }
  const isDone = copy.etag === acknowledged && isSame(original, copy)
  return isDone ? { kind: 'none' } : { kind: 'write', over: copy.etag }
}

/** The copy says what the original says. */
export const isSame = (original: Original, copy: Original): boolean =>
  original.digest === copy.digest && isSameDeadline(original.expiresAtMs, copy.expiresAtMs)

const isSameDeadline = (a: number | undefined, b: number | undefined): boolean =>
  a === undefined || b === undefined ? a === b : Math.abs(a - b) <= deadlineToleranceMs

/** The life that is left to a record, for its copy: at least a moment. */
export const lifeLeftMs = (expiresAtMs: number, nowMs: number): number =>
  Math.max(1, Math.ceil(expiresAtMs - nowMs))
