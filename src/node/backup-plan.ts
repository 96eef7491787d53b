/** What goes into a backup, and whether it may be kept where it is to be kept. */
import type { BackupRequest } from '../api/administration.ts'
import type { ClusterRecord } from '../coordination/cluster-record.ts'
import { DenizenError } from '../model/errors.ts'
import type { PlacementData } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'

/**
 * The datasets of a backup of `self`: each may be stored at its place under the policy in force,
 * because a backup is a copy. Throws `bad_request`, `unknown_dataset`, `forbidden_place`.
 */
export function planBackup(
  { current }: ClusterRecord,
  self: RegionId,
  { place, datasets }: BackupRequest,
): readonly PlacementData[] {
  if (!current.regions.some(({ id }) => id === place)) {
    throw new DenizenError('bad_request', `the policy in force knows no region ${place}`)
  }
  const stored = current.placements.filter(({ store }) => store.includes(self))
  for (const name of datasets) {
    if (stored.some(it => isCalled(it, name))) continue
    throw new DenizenError('unknown_dataset', `${self} stores no dataset ${name}`)
  }
  const chosen = stored.filter(it => datasets.length === 0 || datasets.some(n => isCalled(it, n)))
  const refused = chosen.filter(({ store }) => !store.includes(place))
  if (refused.length === 0) return chosen
  const reasons = refused.map(
    ({ id, store, forbidden }) =>
      `${id} may be stored in ${store.join(', ')}${ruleText(forbidden[place]?.store)}`,
  )
  throw new DenizenError(
    'forbidden_place',
    `no backup may be kept in ${place}: ${reasons.join('; ')}`,
    { extra: { place, datasets: refused.map(({ id }) => id) } },
  )
}

const isCalled = ({ id, name }: PlacementData, wanted: string): boolean =>
  id === wanted || name === wanted

const ruleText = (rule: string | undefined): string => (rule === undefined ? '' : ` (${rule})`)
