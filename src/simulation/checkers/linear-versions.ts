/**
 * H and L by versions: are the strong operations of each group linearizable, in the order of their
 * versions? O(n log n), for histories of any length.
 *
 * Checking that a register is linearizable is hard in general, and easy once the order of writes is
 * known (Gibbons and Korach, "Testing shared memories", 1997); here versions tell it. Everything
 * else is put at the first place that its own answer and all that had returned before it allow.
 * That least solution exists if any does, since a later place never helps what comes after. A write
 * has no choice: it is at fault if something that had returned before it stands behind it.
 *
 * Exact, but for deletions whose version no reply told (over HTTP: all but those of transactions):
 * what they may explain is taken as explained. `linear-search.ts` has no such gap, and no such
 * speed.
 */
import { formatVersion } from '../../model/version.ts'
import { type Call, type Demand, firstOf } from './call.ts'
import type { Facts } from './facts.ts'
import { type Finding, Findings } from './finding.ts'
import { beforeAll, GroupOrder, nowhere } from './group-order.ts'

export function checkVersions(facts: Facts): readonly Finding[] {
  const findings = new Findings('H and L')
  for (const [group, calls] of groupsOf(facts.calls)) {
    const order = new GroupOrder(facts, calls)
    for (const [a, b] of order.clashes) {
      const version = facts.versionOf(a)
      const text = version && formatVersion(version)
      findings.add(`${group}: two writes have version ${text}`, firstOf(a), firstOf(b))
    }
    new Sweep(facts, order, findings).run(calls)
  }
  return [...facts.contradictions, ...findings.all]
}

export function groupsOf(calls: readonly Call[]): ReadonlyMap<string, readonly Call[]> {
  const groups = new Map<string, Call[]>()
  for (const call of calls) {
    const others = groups.get(call.group)
    if (others) others.push(call)
    else groups.set(call.group, [call])
  }
  return groups
}

/** The latest place of all calls that have returned so far, and whose it is. */
interface Reached {
  readonly place: number
  readonly call: Call | undefined
}

class Sweep {
  readonly #facts: Facts
  readonly #order: GroupOrder
  readonly #findings: Findings
  readonly #places = new Map<Call, number>()

  constructor(facts: Facts, order: GroupOrder, findings: Findings) {
    this.#facts = facts
    this.#order = order
    this.#findings = findings
  }

  run(calls: readonly Call[]): void {
    const byInvoke = [...calls].sort((a, b) => a.invokeMs - b.invokeMs)
    const byReturn = [...calls].sort((a, b) => a.returnMs - b.returnMs)
    let reached: Reached = { place: beforeAll, call: undefined }
    let returned = 0
    for (const call of byInvoke) {
      for (; ; returned++) {
        const before = byReturn[returned]
        if (!before || before.returnMs >= call.invokeMs) break
        const place = this.#places.get(before) ?? beforeAll
        if (place > reached.place) reached = { place, call: before }
      }
      const place = this.#place(call, reached)
      if (place !== undefined) this.#places.set(call, place)
    }
  }

  /** undefined: it says nothing, or what it says is wrong and has been reported. */
  #place(call: Call, reached: Reached): number | undefined {
    const way = this.#facts.wayOf(call)
    if (!way) return undefined
    const place = this.#order.placeOfWrite(call)
    if (place !== undefined) {
      if (reached.place > place) this.#reportOrder(call, reached)
      for (const demand of way.demands) {
        if (this.#order.nextPlace(demand, place - 1, call) === place - 1) continue
        this.#report(call, demand, 'just before its own version', undefined)
      }
      return place
    }
    // Whether it happened at all is not known.
    if (call.returnMs === Infinity) return undefined
    return this.#placeReader(call, way.demands, reached)
  }

  #placeReader(call: Call, demands: readonly Demand[], reached: Reached): number | undefined {
    const first = oddFrom(reached.place)
    let place = first
    for (let settled = 0, at = 0; settled < demands.length; at = (at + 1) % demands.length) {
      const demand = demands[at] as Demand
      const next = this.#order.nextPlace(demand, place, call)
      if (next === nowhere) {
        const wasOnce = this.#order.nextPlace(demand, beforeAll, call) !== nowhere
        if (wasOnce) this.#report(call, demand, 'when others had seen a later state', reached.call)
        else this.#report(call, demand, 'at any time', undefined)
        return undefined
      }
      settled = next === place ? settled + 1 : 1
      place = next
    }
    return place
  }

  #reportOrder(call: Call, reached: Reached): void {
    const version = this.#facts.versionOf(call)
    const others = reached.call ? [firstOf(reached.call)] : []
    this.#findings.add(
      `${call.group}: operation ${firstOf(call)} wrote version ${version && formatVersion(version)}, ` +
        `but operation ${others[0]} had returned before it began and had met a later state`,
      firstOf(call),
      ...others,
    )
  }

  #report(call: Call, demand: Demand, when: string, other: Call | undefined): void {
    const others = other ? [firstOf(other)] : []
    const text = `operation ${firstOf(call)} says that ${describe(demand)}: not so ${when}`
    const of = other ? ` (operation ${others[0]} had)` : ''
    this.#findings.add(`${call.group}: ${text}${of}`, firstOf(call), ...others)
  }
}

const oddFrom = (place: number): number => (place % 2 === 0 ? place + 1 : place)

function describe(demand: Demand): string {
  switch (demand.kind) {
    case 'version':
      return `${demand.name} had version ${demand.version}`
    case 'not-version':
      return `${demand.name} had another version than ${demand.version}`
    case 'value':
      return `${demand.name} held ${demand.value}`
    case 'not-value':
      return `${demand.name} held something else than ${demand.value}`
    case 'absent':
      return `${demand.name} was absent`
    case 'live':
      return `${demand.name} had a value`
    case 'any':
      return demand.of.map(describe).join(', or ')
  }
}
