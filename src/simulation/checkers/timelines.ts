/** T: every copy moves through a key's versions in order, and never backwards. */
import { compareVersions, formatVersion, parseVersion, type Version } from '../../model/version.ts'
import type { CopyChange } from '../observations.ts'
import { nameOf } from './call.ts'
import { type Finding, Findings } from './finding.ts'

interface Held {
  readonly version: Version
  readonly value: string | null
}

/** `changes` of each copy are in the order in which its readers could see them. */
export function checkTimelines(changes: Iterable<CopyChange>): readonly Finding[] {
  const findings = new Findings('T')
  /** By region, then by `dataset key`. */
  const copies = new Map<string, Map<string, Held>>()
  for (const change of changes) {
    const copy = copies.get(change.region) ?? new Map<string, Held>()
    copies.set(change.region, copy)
    if (change.kind === 'removed') {
      forget(copy, change)
      continue
    }
    const name = nameOf(change.dataset, change.key)
    const version = parseVersion(change.version)
    if (!version) {
      findings.add(`${change.region}: ${name} has ${change.version}, which is no version`)
      continue
    }
    const before = copy.get(name)
    const order = before ? compareVersions(version, before.version) : 1
    const held = `${change.region}: ${name} had ${before ? formatVersion(before.version) : 'none'}`
    if (order < 0) findings.add(`${held}, then ${change.version}`)
    if (order === 0 && before?.value !== change.value) {
      findings.add(`${held} as ${before?.value}, then the same version as ${change.value}`)
    }
    copy.set(name, { version, value: change.value })
  }
  return findings.all
}

/** What policy takes away may come back as it was then: the copy begins anew. */
function forget(copy: Map<string, Held>, { dataset, key }: CopyChange & { kind: 'removed' }): void {
  if (key !== undefined) {
    copy.delete(nameOf(dataset, key))
    return
  }
  for (const name of copy.keys()) if (name.startsWith(nameOf(dataset, ''))) copy.delete(name)
}
