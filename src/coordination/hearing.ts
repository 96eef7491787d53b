/** Whom a node under static coordination has to hear before it serves, and what it waits for. */
import type { RegionId } from '../model/slot.ts'

export interface Hearing {
  readonly self: RegionId
  readonly keeper: RegionId
  /** All regions, this one included. */
  readonly regions: readonly RegionId[]
  /** This region is among them. */
  readonly heard: ReadonlySet<RegionId>
  /** The operator's word that all others are stopped. */
  readonly othersStopped: boolean
  /** The data directory was restored: it may know less than it once kept. */
  readonly restored: { readonly lost: ReadonlySet<RegionId> } | undefined
}

/**
 * Undefined once enough were heard: the keeper, or a majority. Regions without a record count: a
 * majority that knows nothing shows that there is nothing to know. After a restore it is all that
 * are not lost, because the majority that knows of a record may have counted on this region.
 */
export function stillToHear(hearing: Hearing): string | undefined {
  const { self, keeper, regions, heard, othersStopped, restored } = hearing
  if (restored) {
    const missing = regions.filter(region => !heard.has(region) && !restored.lost.has(region))
    if (missing.length === 0) return undefined
    return `to hear all regions after a restore, and has not heard ${missing.join(', ')}. One that is lost for good is named with --lost`
  }
  const majority = Math.floor(regions.length / 2) + 1
  const heardKeeper = keeper !== self && heard.has(keeper)
  if (othersStopped || heardKeeper || heard.size >= majority) return undefined
  return `to hear the keeper (${keeper}) or ${majority} of ${regions.length} regions; heard ${heard.size}, this one included. If the others are stopped for certain, start with --others-stopped`
}
