/**
 * Bounded staleness: a read with `bounded=d` returns nothing that a write acknowledged more than d
 * before the read had replaced. And the same for what a reply says of itself (`staleness-ms`): a
 * copy answers at some moment after the read was sent, with all that was acknowledged so long
 * before that moment; so with all that was acknowledged so long before the sending.
 */
import { compareVersions, parseVersion } from '../../model/version.ts'
import { firstOf, isCertain, type Write } from './call.ts'
import type { Facts } from './facts.ts'
import { type Finding, Findings } from './finding.ts'
import { firstIndex } from './key-writes.ts'
import { receiptOf, type Sighting } from './sightings.ts'

export function checkStaleness(facts: Facts): readonly Finding[] {
  const findings = new Findings('bounded staleness')
  const keys = new Map<string, Replacements>()
  for (const sighting of facts.sightings) {
    const record = facts.operations[sighting.operation]
    if (record?.operation.kind !== 'get') continue
    const { boundMs = Infinity, consistency } = record.operation
    const { stalenessMs = Infinity } = receiptOf(record.result)
    const ageMs = Math.min(consistency === 'bounded' ? boundMs : Infinity, stalenessMs)
    if (ageMs === Infinity) continue
    const key = keys.get(sighting.name) ?? new Replacements(facts, sighting.name)
    keys.set(sighting.name, key)
    const missed = key.missedBy(sighting, record.invokeMs - ageMs)
    if (!missed) continue
    const what = sighting.version === null ? 'absent' : `version ${sighting.version}`
    const by = missed.effect.value ?? 'a deletion'
    findings.add(
      `operation ${sighting.operation} says that ${sighting.name} is ${what}, no older than ` +
        `${ageMs} ms; operation ${firstOf(missed.call)} (${by}) had been acknowledged ` +
        `${record.invokeMs - missed.call.returnMs} ms before`,
      sighting.operation,
      firstOf(missed.call),
    )
  }
  return findings.all
}

/** The writes of one key that were acknowledged, in the order of versions. */
class Replacements {
  readonly #facts: Facts
  readonly #writes: readonly Write[]
  /** Of each write and all later ones: the one that was acknowledged first. */
  readonly #earliest: readonly Write[]
  readonly #byReturn: readonly Write[]
  /** Of each of those and all that were acknowledged before it: the newest. */
  readonly #newest: readonly Write[]

  constructor(facts: Facts, name: string) {
    this.#facts = facts
    this.#writes = facts.writesOf(name).versioned.filter(isCertain)
    const earliest = [...this.#writes]
    for (let i = earliest.length - 2; i >= 0; i--) {
      const [here, later] = [earliest[i] as Write, earliest[i + 1] as Write]
      if (later.call.returnMs < here.call.returnMs) earliest[i] = later
    }
    this.#earliest = earliest
    const inOrder = new Map(this.#writes.map((write, index) => [write, index]))
    this.#byReturn = [...this.#writes].sort((a, b) => a.call.returnMs - b.call.returnMs)
    let newest = -1
    this.#newest = this.#byReturn.map(write => {
      newest = Math.max(newest, inOrder.get(write) ?? -1)
      return this.#writes[newest] as Write
    })
  }

  /** A write that was acknowledged before that moment, and is newer than what was seen. */
  missedBy({ name, version }: Sighting, beforeMs: number): Write | undefined {
    const writes = this.#facts.writesOf(name)
    if (version === null) return this.#missedByAbsence(name, beforeMs)
    const after = firstIndex(this.#writes, write =>
      write.version ? compareVersions(write.version, versionIn(version)) > 0 : false,
    )
    const missed = this.#earliest[after]
    if (missed && missed.call.returnMs < beforeMs) return missed
    const seen = writes.withVersion(version)
    if (!seen || !writes.isSurelyDeleted(seen, beforeMs)) return undefined
    return writes.floating.find(
      ({ call, effect }) =>
        effect.value === null && call.invokeMs > seen.call.returnMs && call.returnMs < beforeMs,
    )
  }

  /** The newest that was acknowledged by then is a value, and nothing can have deleted it since. */
  #missedByAbsence(name: string, beforeMs: number): Write | undefined {
    const writes = this.#facts.writesOf(name)
    const acknowledged = firstIndex(this.#byReturn, ({ call }) => call.returnMs >= beforeMs)
    const newest = this.#newest[acknowledged - 1]
    if (!newest?.version || newest.effect.value === null) return undefined
    const isOpen =
      writes.mayBeDeleted(newest, Infinity) || writes.isDeletedFrom(newest.version, Infinity)
    return isOpen ? undefined : newest
  }
}

const versionIn = (text: string) => parseVersion(text) ?? { term: Infinity, seq: 0 }
