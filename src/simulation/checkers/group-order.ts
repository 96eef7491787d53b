/**
 * One group's history on the line of its versions. All writes have versions, and versions have an
 * order, so the only question left is where between them everything else took place.
 *
 * *Places*: the write of the i-th version is at 2i, what sees the state behind it is at 2i + 1, and
 * what sees the state before all of them is at -1.
 */
import { compareVersions, formatVersion } from '../../model/version.ts'
import type { Call, Demand, Write } from './call.ts'
import type { Facts } from './facts.ts'
import { firstIndex, type KeyWrites } from './key-writes.ts'

/** The place of what can't have taken place. */
export const nowhere = Number.POSITIVE_INFINITY
export const beforeAll = -1

/** One of a key's versions, by its index in the group's order. */
interface Step {
  readonly index: number
  readonly write: Write
}

interface KeyLine {
  readonly writes: KeyWrites
  readonly steps: readonly Step[]
}

export class GroupOrder {
  readonly #facts: Facts
  readonly #indexes: ReadonlyMap<Call, number>
  readonly #lines = new Map<string, KeyLine>()
  /** Calls that claim the same version. */
  readonly clashes: readonly (readonly [Call, Call])[]

  constructor(facts: Facts, calls: readonly Call[]) {
    this.#facts = facts
    const ordered = calls.flatMap(call => {
      const version = facts.versionOf(call)
      return version && facts.wayOf(call)?.effects.length ? [{ call, version }] : []
    })
    ordered.sort((a, b) => compareVersions(a.version, b.version))
    const clashes: [Call, Call][] = []
    ordered.forEach(({ call, version }, at) => {
      const before = ordered[at - 1]
      if (before && compareVersions(before.version, version) === 0) {
        clashes.push([before.call, call])
      }
    })
    this.clashes = clashes
    this.#indexes = new Map(ordered.map(({ call }, index) => [call, index]))
  }

  /** Where a call wrote; undefined: it wrote nothing that has a known version. */
  placeOfWrite(call: Call): number | undefined {
    const index = this.#indexes.get(call)
    return index === undefined ? undefined : 2 * index
  }

  /**
   * The first place from `from` on (odd) where a demand of a call holds, or `nowhere`. It errs on
   * the side of the world: where deletions have no versions, it says yes to all that may be.
   */
  nextPlace(demand: Demand, from: number, call: Call): number {
    if (demand.kind === 'any') {
      return Math.min(...demand.of.map(each => this.nextPlace(each, from, call)))
    }
    const line = this.#lineOf(demand.name)
    switch (demand.kind) {
      case 'version':
        return this.#withVersion(line, demand.version, from, call)
      case 'value':
        return this.#withValue(line, demand.value, from, call)
      case 'absent':
        return absentPlace(line, from, call)
      case 'live':
        return livePlace(line, from, call)
      case 'not-version':
        return otherPlace(line, from, call, ({ version }) =>
          version ? formatVersion(version) === demand.version : false,
        )
      case 'not-value':
        return otherPlace(line, from, call, ({ effect }) => effect.value === demand.value)
    }
  }

  #withValue(line: KeyLine, value: string, from: number, call: Call): number {
    const origin = this.#facts.originOf(value)
    if (!origin) return nowhere
    const version = this.#facts.versionOf(origin.call)
    if (!version) return origin.call.invokeMs <= call.returnMs ? from : nowhere
    const write = line.writes.withVersion(formatVersion(version))
    return write?.effect.value === value ? this.#withWrite(line, write, from, call) : nowhere
  }

  #withVersion(line: KeyLine, version: string, from: number, call: Call): number {
    const write = line.writes.withVersion(version)
    if (write) return this.#withWrite(line, write, from, call)
    // A failed precondition names a version without the value: it may be that of a lost write.
    return line.writes.mayBePut(call.returnMs) ? from : nowhere
  }

  #withWrite({ steps, writes }: KeyLine, write: Write, from: number, call: Call): number {
    const index = this.#indexes.get(write.call)
    if (index === undefined || write.effect.value === null) return nowhere
    if (writes.isSurelyDeleted(write, call.invokeMs)) return nowhere
    const at = firstIndex(steps, step => step.index >= index)
    const place = Math.max(from, 2 * index + 1)
    return place < placeBehind(steps[at + 1]) ? place : nowhere
  }

  #lineOf(name: string): KeyLine {
    const known = this.#lines.get(name)
    if (known) return known
    const writes = this.#facts.writesOf(name)
    const steps = writes.versioned.flatMap(write => {
      const index = this.#indexes.get(write.call)
      return index === undefined ? [] : [{ index, write }]
    })
    const line = { writes, steps }
    this.#lines.set(name, line)
    return line
  }
}

const placeBehind = (step: Step | undefined): number => (step ? 2 * step.index + 1 : nowhere)

/** The index of the step that a place sees; -1: none yet. */
const stepAt = ({ steps }: KeyLine, place: number): number =>
  firstIndex(steps, step => 2 * step.index > place) - 1

function absentPlace(line: KeyLine, from: number, call: Call): number {
  let at = stepAt(line, from)
  for (let place = from; ; at++, place = placeBehind(line.steps[at])) {
    const current = line.steps[at]?.write
    // The state behind a write that was invoked only later is no state that the call has met.
    if (place === nowhere || (current && current.call.invokeMs > call.returnMs)) return nowhere
    if (!current || current.effect.value === null) return place
    const next = line.steps[at + 1]?.write.call.returnMs ?? nowhere
    if (line.writes.mayBeDeleted(current, Math.min(call.returnMs, next))) return place
  }
}

function livePlace(line: KeyLine, from: number, call: Call): number {
  if (line.writes.mayBePut(call.returnMs)) return from
  let at = stepAt(line, from)
  for (let place = from; place !== nowhere; at++, place = placeBehind(line.steps[at])) {
    const current = line.steps[at]?.write
    if (!current || current.effect.value === null) continue
    if (!line.writes.isSurelyDeleted(current, call.invokeMs)) return place
  }
  return nowhere
}

/** Where the key is not at a certain write. */
function otherPlace(
  line: KeyLine,
  from: number,
  call: Call,
  isIt: (write: Write) => boolean,
): number {
  const at = stepAt(line, from)
  const current = line.steps[at]?.write
  if (!current || current.effect.value === null || !isIt(current)) return from
  const { writes } = line
  const isOpen = writes.mayBeDeleted(current, call.returnMs) || writes.mayBePut(call.returnMs)
  return isOpen ? from : placeBehind(line.steps[at + 1])
}
