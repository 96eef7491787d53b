/**
 * What can be said of a history at once: its calls, who wrote which value, and which version each
 * write has. Replies tell versions; where none came, whoever read the value told its version.
 */
import { formatVersion, parseVersion, type Version } from '../../model/version.ts'
import type { History, OperationRecord } from '../history.ts'
import { type Call, firstOf, type Way, type Write } from './call.ts'
import { callsOf } from './calls.ts'
import { type Finding, Findings } from './finding.ts'
import { KeyWrites } from './key-writes.ts'
import { type Sighting, sightingsIn } from './sightings.ts'
import { possibleWays } from './ways.ts'

/** A value, who wrote it, and by which way. */
interface Origin {
  readonly call: Call
  readonly way: Way
  readonly name: string
}

export class Facts {
  readonly operations: readonly OperationRecord[]
  readonly calls: readonly Call[]
  readonly sightings: readonly Sighting[]
  readonly #origins = new Map<string, Origin>()
  readonly #versions = new Map<Call, Version>()
  readonly #ways = new Map<Call, Way>()
  readonly #keys: ReadonlyMap<string, KeyWrites>
  /** Made when somebody asks: in a world that works, nobody does. */
  #refusals: ReadonlyMap<string, number> | undefined
  readonly #contradictions = new Findings('H and L')

  constructor(history: History) {
    const { operations } = history
    this.operations = operations
    this.calls = callsOf(history)
    this.sightings = allSightings(operations)
    for (const call of this.calls) {
      for (const way of call.ways) this.#claimValues(call, way)
      if (call.told !== undefined) this.#versions.set(call, this.#parse(call.told, call))
      if (call.ways.length === 1 && call.ways[0]) this.#ways.set(call, call.ways[0])
    }
    for (const sighting of this.sightings) this.#learn(sighting)
    this.#keys = this.#collectKeys()
  }

  /** Names are `dataset key`, of all keys that were written or may have been. */
  get names(): Iterable<string> {
    return this.#keys.keys()
  }

  writesOf(name: string): KeyWrites {
    return this.#keys.get(name) ?? noWrites
  }

  originOf(value: string): Origin | undefined {
    return this.#origins.get(value)
  }

  /**
   * The operation that would have written a value, but was refused, or ran another branch;
   * undefined: there is none, or another attempt wrote it.
   */
  refusalOf(value: string): number | undefined {
    this.#refusals ??= refusedValues(this.operations, this.#origins)
    return this.#refusals.get(value)
  }

  versionOf(call: Call): Version | undefined {
    return this.#versions.get(call)
  }

  /** The way that a call took, where that is known. */
  wayOf(call: Call): Way | undefined {
    return this.#ways.get(call)
  }

  /** One value under two versions, two values under one. */
  get contradictions(): readonly Finding[] {
    return this.#contradictions.all
  }

  #parse(text: string, call: Call): Version {
    const version = parseVersion(text)
    if (!version) this.#contradictions.add(`${text} is no version`, ...call.operations)
    return version ?? { term: 0, seq: 0 }
  }

  #claimValues(call: Call, way: Way): void {
    for (const { name, value } of way.effects) {
      if (value === null) continue
      const other = this.#origins.get(value)
      if (other && (other.call !== call || other.name !== name)) {
        const both = [firstOf(other.call), firstOf(call)]
        this.#contradictions.add(`the history itself writes ${value} twice`, ...both)
      }
      this.#origins.set(value, { call, way, name })
    }
  }

  #learn({ operation, name, version, value }: Sighting): void {
    if (version === null || value === undefined) return
    const origin = this.#origins.get(value)
    // What nobody wrote is for others to tell: see truth.ts.
    if (!origin || origin.name !== name) return
    const known = this.#versions.get(origin.call)
    if (known === undefined) {
      this.#versions.set(origin.call, this.#parse(version, origin.call))
      this.#ways.set(origin.call, origin.way)
      return
    }
    if (formatVersion(known) === version) {
      // Told without its way (`acks_timeout`): whoever saw its value has seen that, too.
      this.#ways.set(origin.call, origin.way)
      return
    }
    const both = [firstOf(origin.call), operation]
    const text = `${name}: ${value} has version ${formatVersion(known)} and version ${version}`
    this.#contradictions.add(text, ...both)
  }

  #collectKeys(): ReadonlyMap<string, KeyWrites> {
    const byName = new Map<string, Write[]>()
    for (const call of this.calls) {
      const way = this.#ways.get(call)
      for (const each of way ? [way] : call.ways) {
        // Of a way that nobody has seen taken, the version is not its own.
        const version = way && this.#versions.get(call)
        for (const effect of each.effects) {
          const write = { call, way: each, effect, version }
          const others = byName.get(effect.name)
          if (others) others.push(write)
          else byName.set(effect.name, [write])
        }
      }
    }
    return new Map([...byName].map(([name, writes]) => [name, new KeyWrites(writes)]))
  }
}

function allSightings(operations: readonly OperationRecord[]): readonly Sighting[] {
  const all: Sighting[] = []
  operations.forEach((record, index) => {
    for (const sighting of sightingsIn(record, index)) all.push(sighting)
  })
  return all
}

const noWrites = new KeyWrites([])

function refusedValues(
  operations: readonly OperationRecord[],
  origins: ReadonlyMap<string, Origin>,
): ReadonlyMap<string, number> {
  const refused = new Map<string, number>()
  operations.forEach(({ dataset, operation }, index) => {
    for (const { effects } of possibleWays(dataset, operation)) {
      for (const { value } of effects) {
        if (value !== null && !origins.has(value)) refused.set(value, index)
      }
    }
  })
  return refused
}
