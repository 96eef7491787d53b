/**
 * D, at the moment itself: when a write is acknowledged at a level, and whenever a process ends, so
 * many regions have it, or a later one of its key, on disk. At the end of a run copies have had
 * time to become equal, and hide that they were not.
 */
import type { PolicyInForce, Shortfall } from '../observations.ts'
import { firstOf, nameOf } from './call.ts'
import { mayBeCollected } from './durability.ts'
import type { Facts } from './facts.ts'
import { type Finding, Findings } from './finding.ts'

/** `erases`: groups are erased in this world, and with them what was acknowledged of them. */
export function checkLevels(
  facts: Facts,
  shortfalls: readonly Shortfall[],
  { policies, erases }: { readonly policies: readonly PolicyInForce[]; readonly erases: boolean },
): readonly Finding[] {
  const findings = new Findings('D')
  for (const { dataset, key, version, acks, holders, when, atMs, epoch } of shortfalls) {
    // A level can't be held in more regions than each policy up to then has permitted.
    const permitted = policies
      .filter(policy => policy.epoch <= epoch)
      .map(({ datasets }) => datasets.get(dataset)?.store.size ?? Infinity)
    const wanted = Math.min(acks, ...permitted)
    if (holders.length >= wanted) continue
    const name = nameOf(dataset, key)
    const write = facts.writesOf(name).withVersion(version)
    if (erases && write && mayBeCollected(facts, write)) continue
    findings.add(
      `${name}: ${version} was acknowledged on ${acks}; when ${when}, at ${atMs} ms, ` +
        `${holders.length === 0 ? 'nobody' : `only ${holders.join(', ')}`} had it, or a later one, on disk`,
      ...(write ? [firstOf(write.call)] : []),
    )
  }
  return findings.all
}
