/** How a change of the policy goes into the cluster record, phase by phase, and out of it. */
import type { Hasher } from '../model/hash.ts'
import type { PolicyData } from '../model/placement.ts'
import { phaseAfter, withEpochs } from '../model/policy-change.ts'
import type { LeftCopy } from '../model/policy-change-view.ts'
import type { RegionId } from '../model/slot.ts'
import {
  type ClusterRecord,
  type Member,
  type PolicyChangeRecord,
  type Registrars,
  registrarSlots,
} from './cluster-record.ts'

/** The record with a change in its first phase. `policy` is as `nextPolicy` makes it. */
export function withChange(
  record: ClusterRecord,
  policy: PolicyData,
  hasher: Hasher,
  beganMs: number,
): ClusterRecord {
  const members = withMembersOf(record.members, policy)
  const registrars = nextRegistrars(record, policy, members, hasher)
  const epochs = new Map(Object.entries(registrars).map(([id, { epoch }]) => [id, epoch]))
  const next: PolicyChangeRecord = {
    policy: withEpochs(record.current, policy, epochs),
    ...{ policyEpoch: record.policyEpoch + 1, phase: 'prepare', beganMs },
    ...{ registrars, leftCopies: [] },
  }
  return { ...record, revision: record.revision + 1, members, next }
}

/** Numbers are never given twice: a region that comes back has the one that it had. */
function withMembersOf(
  members: ClusterRecord['members'],
  { regions }: PolicyData,
): ClusterRecord['members'] {
  let number = Math.max(...Object.values(members).map(member => member.number))
  const added: Record<RegionId, Member> = {}
  for (const { id } of regions) {
    if (members[id]) continue
    number += 1
    added[id] = { number, opening: 1, nodeId: null, url: null }
  }
  return { ...members, ...added }
}

/** Of the datasets whose registrars are others then. A dataset that is made again begins anew. */
function nextRegistrars(
  { registrars, current }: ClusterRecord,
  policy: PolicyData,
  members: ClusterRecord['members'],
  hasher: Hasher,
): Registrars {
  const numbers = new Map(Object.entries(members).map(([id, { number }]) => [id, number]))
  const stays = new Map(current.placements.map(({ id, home }) => [id, home.join()]))
  const moving = policy.placements.filter(({ id, home }) => stays.get(id) !== home.join())
  return Object.fromEntries(
    moving.map(({ id, slots, home }) => [
      id,
      {
        epoch: (registrars[id]?.epoch ?? 0) + 1,
        slots: registrarSlots(hasher, id, slots, home, numbers),
      },
    ]),
  )
}

export interface PhaseEnd {
  /** What the regions that leave a dataset have had of it; counts at the end of `settle`. */
  readonly leftCopies: readonly LeftCopy[]
  /** Wall clock. */
  readonly nowMs: number
}

/** The record in the phase after the one that every region has come to the end of. */
export function withPhaseEnded(record: ClusterRecord, end: PhaseEnd): ClusterRecord {
  const { next } = record
  if (!next) return record
  const revision = record.revision + 1
  const phase = phaseAfter(next.phase)
  if (!phase) return { ...inForce(record, next, end.nowMs), revision }
  const leftCopies = phase === 'erase' ? [...end.leftCopies] : next.leftCopies
  return { ...record, revision, next: { ...next, phase, leftCopies } }
}

function inForce(record: ClusterRecord, next: PolicyChangeRecord, nowMs: number): ClusterRecord {
  const { next: _, closedFeeds = {}, ...rest } = record
  const { policy, policyEpoch, beganMs, leftCopies, registrars } = next
  const closed = { ...closedFeeds }
  for (const { dataset, region, ends } of leftCopies) {
    closed[dataset] = { ...closed[dataset], [region]: ends }
  }
  return {
    ...rest,
    policyEpoch,
    current: policy,
    inForceSinceMs: nowMs,
    registrars: { ...record.registrars, ...registrars },
    closedFeeds: closed,
    lastChange: {
      ...{ policyEpoch, beganMs, endedMs: nowMs, leftCopies },
      gained: gainedBy(record.current, policy),
    },
  }
}

/** By dataset: the regions that store it now and did not before. */
function gainedBy(before: PolicyData, after: PolicyData): Record<string, RegionId[]> {
  const had = new Map(before.placements.map(({ id, store }) => [id, store]))
  const gained = after.placements.map(({ id, store }) => {
    const old = had.get(id) ?? []
    return [id, store.filter(region => !old.includes(region))] as const
  })
  return Object.fromEntries(gained.filter(([, regions]) => regions.length > 0))
}
