/**
 * S: a session reads its own writes, and of no key an older state than it has seen, absence
 * included: the session guarantees of Terry et al. (1994), through whatever regions it asks.
 *
 * Each session has a floor under each key: the newest version that it wrote or was shown by
 * `session` and `strong` reads. Reads of other levels do not look at the session's token, so they
 * are not held against the floor, nor do they raise it.
 */
import { compareVersions, formatVersion, parseVersion, type Version } from '../../model/version.ts'
import type { Get, OperationRecord } from '../history.ts'
import { nameOf } from './call.ts'
import type { Facts } from './facts.ts'
import { type Finding, Findings } from './finding.ts'
import { type Sighting, sightingsIn } from './sightings.ts'

export function checkSessions(facts: Facts): readonly Finding[] {
  const findings = new Findings('S')
  const sessions = new Map<string, number[]>()
  facts.operations.forEach(({ session, result, operation }, index) => {
    if (session === undefined || !result || result.kind === 'error') return
    if (operation.kind === 'get' && !isOfSession(operation)) return
    const others = sessions.get(session)
    if (others) others.push(index)
    else sessions.set(session, [index])
  })
  for (const [session, indexes] of sessions) {
    new SessionCheck(facts, session, findings).run(indexes)
  }
  return findings.all
}

const isOfSession = ({ consistency }: Get): boolean =>
  consistency === 'session' || consistency === 'strong'

/** What a session knows of one key. */
interface Floor {
  /** It has seen this version, or has been told of it. */
  readonly version?: Version
  /** It has seen the key absent behind that. */
  readonly isGone: boolean
  /** At the home it was absent after this moment: what was written before is older. */
  readonly goneSinceMs?: number
  /** The operation that it knows it from. */
  readonly by: number
}

class SessionCheck {
  readonly #facts: Facts
  readonly #session: string
  readonly #findings: Findings
  readonly #floors = new Map<string, Floor>()

  constructor(facts: Facts, session: string, findings: Findings) {
    this.#facts = facts
    this.#session = session
    this.#findings = findings
  }

  /** Each operation knows what had returned when it was sent. */
  run(indexes: readonly number[]): void {
    const record = (index: number): OperationRecord =>
      this.#facts.operations[index] as OperationRecord
    const byInvoke = [...indexes].sort((a, b) => record(a).invokeMs - record(b).invokeMs)
    let pending: number[] = []
    for (const index of byInvoke) {
      const { invokeMs } = record(index)
      const hasReturned = (other: number): boolean =>
        (record(other).returnMs ?? Infinity) <= invokeMs
      for (const other of pending.filter(hasReturned)) this.#raise(record(other), other)
      pending = [...pending.filter(other => !hasReturned(other)), index]
      for (const sighting of sightingsIn(record(index), index)) this.#judge(sighting)
    }
  }

  #judge({ operation, name, version, value }: Sighting): void {
    const floor = this.#floors.get(name)
    if (!floor) return
    if (version === null) {
      this.#judgeAbsence(name, floor, operation)
      return
    }
    const parsed = parseVersion(version)
    const isOlder = parsed && floor.version && compareVersions(parsed, floor.version) < 0
    const isSame = parsed && floor.version && compareVersions(parsed, floor.version) === 0
    const write = this.#facts.writesOf(name).withVersion(version)
    const wasBefore = write && write.call.returnMs < (floor.goneSinceMs ?? -Infinity)
    if (!isOlder && !(isSame && floor.isGone) && !wasBefore) return
    const shown = value === undefined ? version : `${value} (${version})`
    this.#report(operation, floor, `${name} is ${shown}`)
  }

  #judgeAbsence(name: string, floor: Floor, operation: number): void {
    if (!floor.version || floor.isGone) return
    const writes = this.#facts.writesOf(name)
    const seen = writes.withVersion(formatVersion(floor.version))
    const byMs = this.#facts.operations[operation]?.returnMs ?? Infinity
    const deleted = writes.isDeletedFrom(floor.version, byMs)
    // Of what was never shown, only told of, nobody knows when it was written.
    if (deleted || !seen || writes.mayBeDeleted(seen, byMs)) return
    this.#report(operation, floor, `${name} is absent`)
  }

  #report(operation: number, floor: Floor, what: string): void {
    const since = floor.version ? formatVersion(floor.version) : 'its deletion'
    const known = floor.isGone && floor.version ? `its deletion after ${since}` : since
    this.#findings.add(
      `session ${this.#session}: operation ${operation} says that ${what}, ` +
        `but the session knew ${known} from operation ${floor.by}`,
      operation,
      floor.by,
    )
  }

  #raise(record: OperationRecord, index: number): void {
    const { dataset, operation, result, invokeMs } = record
    if (!result || result.kind === 'error') return
    const atHome = operation.kind !== 'get' || operation.consistency === 'strong'
    for (const { name, version } of sightingsIn(record, index)) {
      if (version === null) this.#see(name, index, undefined, atHome ? invokeMs : undefined)
      else this.#see(name, index, version)
    }
    if (result.kind === 'transacted' && operation.kind === 'tx') {
      const steps = result.succeeded ? operation.success : operation.failure
      steps.forEach(({ key }, at) => {
        const step = result.results[at]
        if (step?.kind === 'written' || step?.kind === 'deleted') {
          this.#see(nameOf(dataset, key), index, step.version, invokeMs)
        }
      })
    } else if (
      operation.kind !== 'tx' &&
      (result.kind === 'written' || result.kind === 'deleted')
    ) {
      this.#see(nameOf(dataset, operation.key), index, result.version, invokeMs)
    }
  }

  /** Without a version: it was absent. */
  #see(name: string, by: number, text: string | undefined, goneSinceMs?: number): void {
    const floor = this.#floors.get(name)
    const version = text === undefined ? undefined : parseVersion(text)
    if (version) {
      if (floor?.version && compareVersions(version, floor.version) <= 0) return
      this.#floors.set(name, { version, isGone: false, by })
      return
    }
    const sinceMs = Math.max(goneSinceMs ?? -Infinity, floor?.goneSinceMs ?? -Infinity)
    this.#floors.set(name, {
      ...(floor?.version && { version: floor.version }),
      isGone: true,
      ...(sinceMs !== -Infinity && { goneSinceMs: sinceMs }),
      by,
    })
  }
}
