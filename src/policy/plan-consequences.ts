/** What follows from the change of one dataset, in words. */
import { nearestRegions } from '../model/distance.ts'
import type { PlacementData, PolicyRegion } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import type { Consequence, DatasetPlan } from './dataset-plan.ts'
import { homingText } from './report.ts'

/** `from` and `to`: before and after, as far as there is one. */
export function consequencesOf(
  plan: Omit<DatasetPlan, 'consequences'>,
  from: PlacementData | undefined,
  to: PlacementData | undefined,
  regions: readonly PolicyRegion[],
): Consequence[] {
  const { change, settings } = plan
  if (change === 'dataset added' && to) return [beginning(to)]
  if (change === 'dataset left out' && from) return [leftOut(from)]
  if (change === 'partition added' && to) return [...partitionAdded(to)]
  if (change === 'partition removed' && from) return [...partitionRemoved(from)]
  if (!from || !to) return []
  return [
    ...copies(plan, from, to),
    ...erasures(plan),
    ...homes(plan, from, to),
    ...registrars(plan),
    ...serving(plan, to, regions),
    ...(settings.length === 0
      ? []
      : [say('settings', `${settings.join('; ')}: no copy moves for that`)]),
  ]
}

const say = (kind: Consequence['kind'], text: string): Consequence => ({ kind, text })
const list = (regions: readonly RegionId[]): string => regions.join(', ')

const beginning = ({ store }: PlacementData): Consequence =>
  say('copy', `begins empty, with stores in ${list(store)}`)

const leftOut = ({ store, name }: PlacementData): Consequence =>
  say(
    'erase',
    `not in the file any more, which erases nothing: it stays in force, with copies in ${list(store)}, until ${name} is erased by name`,
  )

const partitionAdded = ({ prefix, store }: PlacementData): Consequence[] => [
  say('records', `${recordsOf(prefix)} move into the stores of this partition`),
  say('copy', `a copy of them goes to ${list(store)}, from their homes`),
]

/** A dataset without partitions has all keys. */
const recordsOf = (prefix: string): string =>
  prefix === '' ? 'all records' : `records under ${prefix}`

const partitionRemoved = ({ prefix, store }: PlacementData): Consequence[] => [
  say(
    'records',
    `${recordsOf(prefix)} move into the partition that then has their keys; where none has, they can't be kept and the change can't be made`,
  ),
  say('erase', `its stores in ${list(store)} are unlinked after that`),
]

function copies(
  { gained }: Omit<DatasetPlan, 'consequences'>,
  from: PlacementData,
  to: PlacementData,
): Consequence[] {
  if (gained.store.length === 0) return []
  const text = `a copy of everything goes to ${list(gained.store)}, each group from its home (${list(from.home)})`
  const proxies = gained.store.filter(region => !to.serve.includes(region))
  const silent = proxies.length === 0 ? '' : `; no answers are given in ${list(proxies)}`
  return [say('copy', text + silent)]
}

function erasures({ lost }: Omit<DatasetPlan, 'consequences'>): Consequence[] {
  if (lost.store.length === 0) return []
  const text = `the copy in ${list(lost.store)} is erased: its stores are unlinked once no home and no reader is left there; backups of it are yours to erase`
  return [say('erase', text)]
}

function homes(
  { gained, lost }: Omit<DatasetPlan, 'consequences'>,
  from: PlacementData,
  to: PlacementData,
): Consequence[] {
  const [before, after] = [homingText(from.homing), homingText(to.homing)]
  const texts: string[] = []
  if (lost.home.length > 0) {
    texts.push(`groups homed in ${list(lost.home)} move to ${goalOf(to)}`)
  }
  if (before !== after) texts.push(`homes are chosen anew: ${before} → ${after}`)
  else if (isComputed(to) && gained.home.length > 0) {
    texts.push(`groups whose home is computed to be in ${list(gained.home)} now move there`)
  } else if (gained.home.length > 0) {
    texts.push(`new groups may be homed in ${list(gained.home)}; others stay where they are`)
  }
  return texts.map(text => say('homes', text))
}

/** Where homes go that can't stay. */
function goalOf(to: PlacementData): string {
  if (to.home.length === 1) return list(to.home)
  if (to.homing.kind === 'pinned') return to.homing.region
  return isComputed(to)
    ? `where they are computed to be, of ${list(to.home)}`
    : `the nearest of ${list(to.home)}`
}

const isComputed = ({ homing }: PlacementData): boolean =>
  homing.kind === 'hash' || homing.kind === 'prefix'

function registrars({ registrars: { moved, slots } }: Omit<DatasetPlan, 'consequences'>) {
  if (moved === 0) return []
  const text = `the registrars of ${moved} of ${slots} slots move first; first writes of their groups wait meanwhile`
  return [say('registrars', text)]
}

function serving(
  { gained, lost }: Omit<DatasetPlan, 'consequences'>,
  to: PlacementData,
  regions: readonly PolicyRegion[],
): Consequence[] {
  const proxies = gained.serve.filter(region => !to.store.includes(region))
  const holders = gained.serve.filter(region => to.store.includes(region))
  return [
    ...(holders.length === 0
      ? []
      : [say('serve', `requests in ${list(holders)} are answered there, from a copy`)]),
    ...(proxies.length === 0
      ? []
      : [
          say(
            'serve',
            `requests in ${list(proxies)} are answered there without a copy: each answer is fetched`,
          ),
        ]),
    ...lost.serve.map(region => say('serve', stopsServing(region, to, regions))),
  ]
}

function stopsServing(
  region: RegionId,
  to: PlacementData,
  regions: readonly PolicyRegion[],
): string {
  if (to.outside === 'refuse') return `${region} answers 451, and names no other region`
  const place = regions.find(({ id }) => id === region)
  if (!place) return `${region} answers no more`
  const serving = regions
    .filter(({ id }) => to.serve.includes(id))
    .map(({ id, latitude, longitude }) => ({ id, coordinates: { latitude, longitude } }))
  return `${region} answers 307 to ${nearestRegions(place, serving)[0]?.id ?? 'no region'}`
}
