/**
 * H and L by search: is there any order of a group's strong operations that explains all of them?
 * The algorithm of Wing and Gong (1993) with Lowe's memory of what was tried ("Testing for
 * linearizability", 2017), one group at a time (Horn and Kroening's P-compositionality, 2015), as
 * Knossos and Porcupine have it. What never returned may take effect at any time, or never.
 *
 * Exact, and exponential in what is under way at once. So the number of steps is bounded, and a
 * group that needs more is undecided.
 */
import { compareVersions, formatVersion, type Version } from '../../model/version.ts'
import { type Call, type Demand, firstOf, type Way } from './call.ts'
import type { Facts } from './facts.ts'
import { type Finding, Findings } from './finding.ts'
import { groupsOf } from './linear-versions.ts'

export interface SearchResult {
  readonly findings: readonly Finding[]
  /** Groups (`dataset group`) for which the steps did not suffice. */
  readonly undecided: readonly string[]
}

export interface SearchOptions {
  /** For each group. */
  readonly stepsMax: number
  /** Default: all. */
  readonly only?: (group: string) => boolean
}

export function searchOrders(facts: Facts, { stepsMax, only }: SearchOptions): SearchResult {
  const findings = new Findings('H and L')
  const undecided: string[] = []
  for (const [group, calls] of groupsOf(facts.calls)) {
    if (only && !only(group)) continue
    const search = new Search(facts, calls, stepsMax)
    const answer = search.run()
    if (answer === 'undecided') undecided.push(group)
    if (answer !== 'impossible') continue
    const stuck = search.furthest
    findings.add(
      `${group}: no order explains its ${calls.length} operations` +
        (stuck ? `; none that has been found gets past operation ${firstOf(stuck)}` : ''),
      ...(stuck ? stuck.operations : []),
    )
  }
  return { findings: [...facts.contradictions, ...findings.all], undecided }
}

interface Cell {
  /** null: a deleted key. */
  readonly value: string | null
  /** undefined: nobody has heard of it. */
  readonly version: string | undefined
  /** From when on the value may have ended by itself. */
  readonly endMs: number
}

interface State {
  readonly cells: ReadonlyMap<string, Cell>
  readonly newest: Version | undefined
}

const nothing: State = { cells: new Map(), newest: undefined }

/** One way to go on: a call, how, and to which state. */
interface Move {
  readonly at: number
  readonly state: State
}

interface Frame {
  readonly moves: readonly Move[]
  tried: number
  /** The call whose move led here. */
  readonly at: number
}

class Search {
  readonly #facts: Facts
  /** Those that returned, by invocation, and behind them those that never did. */
  readonly #calls: readonly Call[]
  /** How many returned. */
  readonly #certain: number
  readonly #isDone: boolean[]
  readonly #seen = new Set<string>()
  #stepsLeft: number
  /** All that returned and stand before it are done. */
  #firstOpen = 0
  #furthestAt = -1

  constructor(facts: Facts, calls: readonly Call[], stepsMax: number) {
    const byInvoke = [...calls].sort((a, b) => a.invokeMs - b.invokeMs)
    const certain = byInvoke.filter(({ returnMs }) => returnMs !== Infinity)
    this.#facts = facts
    this.#certain = certain.length
    this.#calls = [...certain, ...byInvoke.filter(({ returnMs }) => returnMs === Infinity)]
    this.#isDone = this.#calls.map(() => false)
    this.#stepsLeft = stepsMax
  }

  /** The call that ended the longest try. */
  get furthest(): Call | undefined {
    return this.#calls[this.#furthestAt]
  }

  run(): 'possible' | 'impossible' | 'undecided' {
    const frames: Frame[] = [{ moves: this.#movesFrom(nothing), tried: 0, at: -1 }]
    for (let frame = frames.at(-1); frame; frame = frames.at(-1)) {
      // What never returned need not have happened.
      if (this.#firstOpen === this.#certain) return 'possible'
      const move = frame.moves[frame.tried++]
      if (!move) {
        frames.pop()
        if (frame.at >= 0) this.#mark(frame.at, false)
        continue
      }
      if (--this.#stepsLeft < 0) return 'undecided'
      this.#mark(move.at, true)
      if (this.#isNew(move.state)) {
        frames.push({ moves: this.#movesFrom(move.state), tried: 0, at: move.at })
      } else this.#mark(move.at, false)
    }
    return 'impossible'
  }

  #mark(at: number, isDone: boolean): void {
    this.#isDone[at] = isDone
    if (at < this.#firstOpen) this.#firstOpen = at
    while (this.#firstOpen < this.#certain && this.#isDone[this.#firstOpen]) this.#firstOpen++
  }

  /**
   * How it may go on. Three choices need not be made: what changes nothing and fits now, may as
   * well come now; of versions the lowest comes first; and of deletions that ask for nothing, the
   * one that returned first, as each could stand in the other's place.
   */
  #movesFrom(state: State): readonly Move[] {
    const candidates = this.#candidates()
    const lowest = this.#lowestOf(candidates)
    const deleted = new Set<string>()
    const moves: Move[] = []
    for (const at of candidates) {
      const call = this.#calls[at] as Call
      const version = this.#facts.versionOf(call)
      if (version && lowest && compareVersions(version, lowest) > 0) continue
      const name = version || at >= this.#certain ? undefined : plainDeletionOf(call)
      if (name !== undefined && deleted.has(name)) continue
      if (name !== undefined) deleted.add(name)
      for (const way of this.#waysOf(call)) {
        const next = step(state, way, call, version, this.#isUnclaimed)
        if (next === state && at < this.#certain) return [{ at, state }]
        const before = expired(state, way, call)
        const later = before && step(before, way, call, version, this.#isUnclaimed)
        for (const each of [next, later]) if (each) moves.push({ at, state: each })
      }
    }
    return moves
  }

  #lowestOf(candidates: readonly number[]): Version | undefined {
    let lowest: Version | undefined
    for (const at of candidates) {
      const version = this.#facts.versionOf(this.#calls[at] as Call)
      if (version && (!lowest || compareVersions(version, lowest) < 0)) lowest = version
    }
    return lowest
  }

  /**
   * Invoked before any other one that is left had returned. What is most likely to come next,
   * first: the next version; what returned first; what may never have happened.
   */
  #candidates(): readonly number[] {
    const found: number[] = []
    let firstReturnMs = Infinity
    for (let at = this.#firstOpen; at < this.#certain; at++) {
      const { invokeMs, returnMs } = this.#calls[at] as Call
      if (invokeMs > firstReturnMs) break
      if (this.#isDone[at]) continue
      if (returnMs < firstReturnMs) {
        firstReturnMs = returnMs
        this.#furthestAt = Math.max(this.#furthestAt, at)
      }
      found.push(at)
    }
    for (let at = this.#certain; at < this.#calls.length; at++) {
      if (!this.#isDone[at]) found.push(at)
    }
    const call = (at: number): Call => this.#calls[at] as Call
    const rank = (at: number): number =>
      at >= this.#certain ? 2 : this.#facts.versionOf(call(at)) ? 0 : 1
    return found
      .filter(at => call(at).invokeMs <= firstReturnMs)
      .sort((a, b) => rank(a) - rank(b) || (call(a).returnMs < call(b).returnMs ? -1 : 1))
  }

  /** No known write has it: it may be the version of one that was lost. */
  readonly #isUnclaimed = (name: string, version: string): boolean =>
    this.#facts.writesOf(name).withVersion(version) === undefined

  #waysOf(call: Call): readonly Way[] {
    const known = this.#facts.wayOf(call)
    return known ? [known] : call.ways
  }

  /** Lowe's memory: the same calls done, and the same state, lead to the same end. */
  #isNew(state: State): boolean {
    const firstReturnMs = this.#calls[this.#firstOpen]?.returnMs ?? Infinity
    const done: number[] = []
    // Whatever is done was invoked before any that is not had returned.
    for (let at = this.#firstOpen; at < this.#certain; at++) {
      if ((this.#calls[at] as Call).invokeMs > firstReturnMs) break
      if (this.#isDone[at]) done.push(at)
    }
    for (let at = this.#certain; at < this.#calls.length; at++) {
      if (this.#isDone[at]) done.push(at)
    }
    const text = `${this.#firstOpen} ${done} ${textOf(state)}`
    if (this.#seen.has(text)) return false
    this.#seen.add(text)
    return true
  }
}

/** The key that a call deletes, if it does no more and asks for no more than that there is one. */
function plainDeletionOf({ ways: [way, other] }: Call): string | undefined {
  const [effect, ...effects] = way?.effects ?? []
  const [demand, ...demands] = way?.demands ?? []
  const isPlain = !other && effects.length === 0 && demands.length === 0
  return isPlain && demand?.kind === 'live' && effect?.value === null ? effect.name : undefined
}

function textOf({ cells, newest }: State): string {
  const parts = [...cells].map(([name, { value, version }]) => [name, value, version ?? null])
  parts.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1))
  return JSON.stringify([newest ? formatVersion(newest) : null, parts])
}

/**
 * The state in which what a call saw had ended by itself before it; undefined: nothing may have.
 */
function expired({ cells, newest }: State, { demands }: Way, call: Call): State | undefined {
  const ended = demands.flatMap(demand => (demand.kind === 'any' ? demand.of : [demand]))
  const names = ended.flatMap(demand => ('name' in demand ? [demand.name] : []))
  let without: Map<string, Cell> | undefined
  for (const name of names) {
    const cell = cells.get(name)
    if (!cell || cell.value === null || cell.endMs > call.returnMs) continue
    if (cell.endMs === Infinity) continue
    without ??= new Map(cells)
    without.set(name, { value: null, version: undefined, endMs: Infinity })
  }
  return without && { cells: without, newest }
}

type IsUnclaimed = (name: string, version: string) => boolean

/** undefined: it can't have been so. */
function step(
  state: State,
  way: Way,
  { invokeMs }: Call,
  version: Version | undefined,
  isUnclaimed: IsUnclaimed,
): State | undefined {
  if (!way.demands.every(demand => holds(state.cells, demand, isUnclaimed))) return undefined
  if (way.effects.length === 0) return state
  if (version && state.newest && compareVersions(version, state.newest) <= 0) return undefined
  const cells = new Map(state.cells)
  const text = version && formatVersion(version)
  for (const { name, value, ttlMs } of way.effects) {
    cells.set(name, { value, version: text, endMs: invokeMs + ttlMs })
  }
  return { cells, newest: version ?? state.newest }
}

function holds(cells: State['cells'], demand: Demand, isUnclaimed: IsUnclaimed): boolean {
  if (demand.kind === 'any') return demand.of.some(each => holds(cells, each, isUnclaimed))
  const cell = cells.get(demand.name)
  const isLive = cell !== undefined && cell.value !== null
  switch (demand.kind) {
    case 'version':
      if (!isLive) return false
      if (cell.version === undefined) return isUnclaimed(demand.name, demand.version)
      return cell.version === demand.version
    case 'not-version':
      return !isLive || cell.version !== demand.version
    case 'value':
      return isLive && cell.value === demand.value
    case 'not-value':
      return !isLive || cell.value !== demand.value
    case 'absent':
      return !isLive
    case 'live':
      return isLive
  }
}
