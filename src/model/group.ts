/**
 * Groups: the unit that is homed, locked and transacted together. A group is the whole key, or the
 * key's leading segments where the dataset says `groupBy: { segments: n }`.
 */
import type { Key } from './key.ts'
import type { RegionId } from './slot.ts'

export function groupOf(key: Key, segments: number | null): string {
  if (segments === null) return key
  let end = -1
  for (let n = 0; n < segments; n++) {
    end = key.indexOf('/', end + 1)
    if (end < 0) return key
  }
  return key.slice(0, end)
}

/**
 * Server-assigned keys end in `~<region>~<id>`, so that everybody knows their home without asking.
 * Returns the region that a group names in its last segment, or `undefined`.
 */
export function serverAssignedRegion(group: string): RegionId | undefined {
  const at = group.lastIndexOf('/') + 1
  if (!group.startsWith('~', at)) return undefined
  return /^~([a-z0-9-]{1,63})~[a-z0-9]+$/.exec(group.slice(at))?.[1]
}

export const serverAssignedSegment = (region: RegionId, id: string): string => `~${region}~${id}`
