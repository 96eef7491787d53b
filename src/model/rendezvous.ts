/**
 * Rendezvous (highest random weight) hashing, Thaler and Ravishankar 1998: each candidate is
 * weighed with the subject, the heaviest wins; losing one candidate moves only what it had.
 */
import { assert } from './assert.ts'
import { utf8 } from './bytes.ts'
import type { Hasher } from './hash.ts'
import type { RegionId, Slot } from './slot.ts'

export function highestWeight(
  hasher: Hasher,
  subject: string,
  candidates: readonly RegionId[],
): RegionId {
  let best: { region: RegionId; weight: bigint } | undefined
  for (const region of candidates) {
    const weight = hasher.h64(utf8(`${subject}\n${region}`))
    if (!best || weight > best.weight || (weight === best.weight && region < best.region)) {
      best = { region, weight }
    }
  }
  assert(best, 'rendezvous hashing needs a candidate')
  return best.region
}

/** Registrars are spread by rendezvous hashing over the regions that may home. */
export const registrarRegion = (
  hasher: Hasher,
  dataset: string,
  slot: Slot,
  candidates: readonly RegionId[],
): RegionId => highestWeight(hasher, `registrar/${dataset}/${slot}`, candidates)
