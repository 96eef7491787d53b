/** Copies that were asked by a bounded read and found too old: what the caller is told of them. */
import { DenizenError } from '../model/errors.ts'
import type { RegionId } from '../model/slot.ts'

/** Without `stalenessMs` it can't say. */
export interface AgedCopy {
  readonly region: RegionId
  readonly stalenessMs?: number
}

export const aged = (region: RegionId, stalenessMs: number | undefined): AgedCopy => ({
  region,
  ...(stalenessMs !== undefined && { stalenessMs }),
})

/** The one that would do with the smaller bound; of those that can't say, the nearer. */
export function younger(known: AgedCopy | undefined, other: AgedCopy): AgedCopy {
  if (!known || other.stalenessMs === undefined) return known ?? other
  const isYounger = known.stalenessMs === undefined || other.stalenessMs < known.stalenessMs
  return isYounger ? other : known
}

/** `why`: the home can't be asked either. */
export function copiesTooOld({ region, stalenessMs }: AgedCopy, why: string): DenizenError {
  const age =
    stalenessMs === undefined
      ? `the copy in ${region} can't say how old it is`
      : `the youngest copy that was asked lies in ${region}, and may be ${stalenessMs} ms old`
  return new DenizenError('copies_too_old', `${age}; ${why}`, {
    extra: { region, ...(stalenessMs !== undefined && { stalenessMs }) },
  })
}
