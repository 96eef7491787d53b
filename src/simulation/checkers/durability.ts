/**
 * D: what was acknowledged at level n, or a later write of the same key, is on the disks of n
 * regions. And nothing else: every stored value is one that somebody wrote.
 */
import { compareVersions, formatVersion, parseVersion } from '../../model/version.ts'
import type { CopyRow, DurableState, PolicyInForce } from '../observations.ts'
import { firstOf, isCertain, nameOf, type Write } from './call.ts'
import type { Facts } from './facts.ts'
import { type Finding, Findings } from './finding.ts'

/**
 * To be asked after each crash, and at the end. A level can't be held in more regions than have
 * been permitted under each of the policies.
 */
export function checkDurability(
  facts: Facts,
  state: DurableState,
  policies: readonly PolicyInForce[] = [],
): readonly Finding[] {
  const findings = new Findings('D')
  const fewest = (dataset: string): number =>
    Math.min(...policies.map(({ datasets }) => datasets.get(dataset)?.store.size ?? Infinity))
  const copies = [...state.regions].map(([region, rows]) => ({
    region,
    rows: new Map(rows.map(row => [nameOf(row.dataset, row.key), row])),
  }))
  for (const name of facts.names) {
    const permitted = fewest(name.slice(0, name.indexOf(' ')))
    for (const write of owed(facts, name, state.atMs)) {
      const missing = copies.filter(({ rows }) => !covers(facts, state, write, rows.get(name)))
      const wanted = Math.min(write.call.acks, permitted) - state.lostDisks.size
      if (copies.length - missing.length >= wanted) continue
      const { version, effect, call } = write
      const what = effect.value ?? 'a deletion'
      findings.add(
        `${name}: operation ${firstOf(call)} (${what}${version ? `, ${formatVersion(version)}` : ''}) ` +
          `was acknowledged on ${call.acks}; at ${state.atMs} ms ` +
          `${missing.map(({ region }) => region).join(', ')} had nothing as new on disk`,
        ...call.operations,
      )
    }
  }
  return findings.all
}

/** Of each level the newest write that was acknowledged: with it, all before it are there. */
function owed(facts: Facts, name: string, atMs: number): readonly Write[] {
  const newest = new Map<number, Write>()
  const writes = facts.writesOf(name)
  const isOwed = (write: Write): boolean =>
    isCertain(write) && write.call.acks > 0 && write.call.returnMs <= atMs
  for (const write of writes.versioned) if (isOwed(write)) newest.set(write.call.acks, write)
  return [...newest.values(), ...writes.unversioned.filter(isOwed)]
}

/** What a disk holds is this write, or is not known to be older. */
function covers(
  facts: Facts,
  { tombstonesCollected }: DurableState,
  write: Write,
  row: CopyRow | undefined,
): boolean {
  if (!row) return tombstonesCollected && mayBeCollected(facts, write)
  const held = parseVersion(row.version)
  if (!held) return false
  if (write.version) return compareVersions(held, write.version) >= 0
  const other = facts.writesOf(write.effect.name).withVersion(row.version)
  return !other || other.call.returnMs >= write.call.invokeMs
}

/** The write was a deletion, or one came after it. */
export function mayBeCollected(facts: Facts, write: Write): boolean {
  const writes = facts.writesOf(write.effect.name)
  if (write.effect.value === null || writes.mayBeDeleted(write, Infinity)) return true
  return write.version !== undefined && writes.isDeletedFrom(write.version, Infinity)
}

/** Nothing invented, nothing under a version or key of something else. */
export function checkStored(facts: Facts, state: DurableState): readonly Finding[] {
  const findings = new Findings('D')
  const versions = new Map<string, string>()
  for (const [region, rows] of state.regions) {
    for (const { dataset, key, version, value } of rows) {
      const name = nameOf(dataset, key)
      const holds = `${region} holds ${name} = ${value ?? 'a tombstone'} (${version})`
      if (value === null) {
        if (!facts.writesOf(name).explainsTombstone(version)) {
          findings.add(`${holds}, but nobody deleted it`)
        }
        continue
      }
      const origin = facts.originOf(value)
      const known = origin && facts.versionOf(origin.call)
      const other = versions.get(value) ?? version
      versions.set(value, other)
      if (!origin) findings.add(`${holds}, which nobody wrote`, ...refusal(facts, value))
      else if (origin.name !== name) {
        findings.add(`${holds}, which was written to ${origin.name}`, ...origin.call.operations)
      } else if (known && formatVersion(known) !== version) {
        findings.add(
          `${holds}, which is version ${formatVersion(known)}`,
          ...origin.call.operations,
        )
      } else if (other !== version) findings.add(`${holds}, which is ${other} elsewhere`)
    }
  }
  return findings.all
}

const refusal = (facts: Facts, value: string): readonly number[] => {
  const operation = facts.refusalOf(value)
  return operation === undefined ? [] : [operation]
}
