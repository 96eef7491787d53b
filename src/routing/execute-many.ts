/**
 * The short way of many operations in one request. `decide` decides as on the long way; what runs
 * here runs together: reads at once in this thread, then writes in one request for each store.
 * Whatever else an operation comes to, it goes the long way by itself, with what has been learnt.
 *
 * Reads are answered before the writes beside them begin: operations of one request are
 * independent. Writes of one key that take the same way keep their order.
 */
import type { Operation, Outcome } from '../execution/operation.ts'
import type { WantedPoints } from '../execution/operations/read.ts'
import { assert } from '../model/assert.ts'
import type { Placement, PlacementTable } from '../model/placement.ts'
import type { Slot } from '../model/slot.ts'
import type { Clock } from '../runtime/clock.ts'
import type { ShardClient } from '../storage/shard-client.ts'
import { isReachable } from './acks.ts'
import { type Decision, decide, type Intent, type Role, type Topology } from './decide.ts'
import { demandsOf } from './journey.ts'
import type { Demands } from './local-answer.ts'
import { type LocalMany, type ManyReads, noReads, type PlacedWrite } from './local-many.ts'
import { partitionsOf } from './partitions.ts'
import type { RecentAnswers } from './recent-answers.ts'
import type { Answer, RequestContext } from './service.ts'
import type { Session } from './session.ts'
import type { SessionTokens } from './session-tokens.ts'
import type { RoutingOperations } from './shard-operations.ts'
import { creates, type StepResult } from './step.ts'

export type Settled = Extract<StepResult, { kind: 'done' }>

/** What came of an operation that was run here, where that is not the end of it. */
export interface Tried {
  readonly as: Role
  readonly result: StepResult
}

/** The long way: it begins anew, or goes on after what was tried. */
export type LongWay = (operation: Operation, session: Session, tried?: Tried) => Promise<Settled>

export interface ExecuteManyOptions {
  readonly table: () => PlacementTable
  readonly topology: Topology
  readonly shards: ShardClient<RoutingOperations>
  readonly many: LocalMany
  readonly clock: Clock
  readonly sessions: SessionTokens
}

export async function executeMany(
  options: ExecuteManyOptions,
  dataset: string,
  operations: readonly Operation[],
  context: RequestContext,
  longWay: LongWay,
): Promise<Answer> {
  const session = options.sessions.decode(context.session)
  const many = new Many(options, { dataset, operations, context, session })
  many.read()
  if (many.isSettled) {
    if (context.phases) context.phases.isOfStore = true
  } else await many.go(longWay)
  return many.answer()
}

interface Request {
  readonly dataset: string
  readonly operations: readonly Operation[]
  readonly context: RequestContext
  readonly session: Session
}

interface StoreReads extends ManyReads {
  readonly as: Role
  readonly indexes: number[]
}

/** What is to be read of a placement. */
interface Reading {
  /** Where it is the same for all keys. */
  readonly decision: Decision | undefined
  /** It is to read this region's copy. */
  readonly isHere: boolean
  readonly recent: RecentAnswers
  readonly wanted: (slot: Slot) => WantedPoints
  readonly demands: Demands
  /** By store. */
  readonly stores: Map<number, StoreReads>
}

interface Writing {
  readonly indexes: number[]
  readonly roles: Role[]
  readonly writes: PlacedWrite[]
}

const unasked = { kind: 'unasked' } as const
const wantsNothing: WantedPoints = []

class Many {
  readonly #options: ExecuteManyOptions
  readonly #request: Request
  /** Sorted, the longest prefix first. */
  readonly #partitions: readonly Placement[]
  /** By index, as what is settled. */
  readonly #placements: (Placement | undefined)[]
  readonly #settled: (Settled | undefined)[]
  /** Writes that run here. */
  readonly #isShort: boolean[] = []
  #open: number

  constructor(options: ExecuteManyOptions, request: Request) {
    this.#options = options
    this.#request = request
    this.#partitions = partitionsOf(options.table(), request.dataset)
    const { length } = request.operations
    this.#placements = new Array(length)
    this.#settled = new Array(length)
    this.#open = length
  }

  get isSettled(): boolean {
    return this.#open === 0
  }

  /** Answers what this thread can read now. */
  read(): void {
    for (const [placement, { stores, recent }] of this.#reads()) {
      for (const reads of stores.values()) {
        const answers = this.#options.many.readNow(placement, reads, recent)
        for (let at = 0; at < answers.length; at++) {
          const answer = answers[at]
          if (answer) this.#settle(reads.indexes[at] as number, answer)
        }
      }
    }
  }

  #reads(): ReadonlyMap<Placement, Reading> {
    const { topology, shards, clock } = this.#options
    const readings = new Map<Placement, Reading>()
    const intent = this.#intent('read')
    const nowMs = clock.wallMs()
    this.#request.operations.forEach(({ kind, key }, index) => {
      const placement = kind === 'get' ? this.#place(index) : undefined
      if (!placement) return
      const reading = readings.get(placement) ?? this.#reading(placement, intent)
      readings.set(placement, reading)
      const known = reading.isHere ? reading.recent.find(key, nowMs) : undefined
      if (known) {
        this.#settle(index, known)
        return
      }
      const group = placement.groupOf(key)
      const decision = reading.decision ?? decide(intent, placement, group, unasked, topology)
      if (decision.action !== 'execute') return
      const slot = placement.slotOf(group)
      const store = shards.storeOfSlot(placement.id, slot)
      let reads = reading.stores.get(store)
      if (!reads) {
        reads = { ...noReads(decision.as, reading.demands), indexes: [] }
        reading.stores.set(store, reads)
      }
      reads.indexes.push(index)
      reads.keys.push(key)
      reads.slots.push(slot)
      reads.seen.push(reading.wanted(slot))
    })
    return readings
  }

  #reading(placement: Placement, intent: Intent): Reading {
    const { context, session } = this.#request
    // Any copy will do: the group has no say in which.
    const isAnyCopy = intent.consistency !== 'strong' && !intent.behind
    const decision = isAnyCopy
      ? decide(intent, placement, '', unasked, this.#options.topology)
      : undefined
    const base = {
      ...{ demands: demandsOf(context, session), decision, isHere: decision?.action === 'execute' },
      ...{ recent: this.#options.many.recent(placement), stores: new Map() },
    }
    if (context.consistency === 'eventual') return { ...base, wanted: () => null }
    const bySlot = new Map(
      context.consistency === 'session'
        ? session.seenBySlot(placement.id).map(({ slot, points }) => [slot, points])
        : [],
    )
    return { ...base, wanted: slot => bySlot.get(slot) ?? wantsNothing }
  }

  /** Takes all other operations to their ends. */
  async go(longWay: LongWay): Promise<void> {
    const { operations, session } = this.#request
    const writings = this.#writes()
    const running: Promise<void>[] = []
    for (const [placement, writing] of writings) {
      running.push(this.#write(placement, writing, longWay))
    }
    for (let index = 0; index < operations.length; index++) {
      if (this.#settled[index] || this.#isShort[index]) continue
      running.push(this.#goOn(index, longWay(operations[index] as Operation, session)))
    }
    await Promise.all(running)
  }

  async #write(
    placement: Placement,
    { indexes, roles, writes }: Writing,
    longWay: LongWay,
  ): Promise<void> {
    const { context, session } = this.#request
    const results = await this.#options.many.write(placement, writes, context)
    const further: Promise<void>[] = []
    for (let at = 0; at < results.length; at++) {
      const [index, result] = [indexes[at] as number, results[at] as StepResult]
      if (result.kind === 'done') this.#settle(index, result)
      else {
        const tried = { as: roles[at] as Role, result }
        const { operation } = writes[at] as PlacedWrite
        further.push(this.#goOn(index, longWay(operation, session, tried)))
      }
    }
    await Promise.all(further)
  }

  async #goOn(index: number, way: Promise<Settled>): Promise<void> {
    this.#settle(index, await way)
  }

  /** What runs in this region, as far as can be known now. */
  #writes(): ReadonlyMap<Placement, Writing> {
    const [{ topology }, { acks }] = [this.#options, this.#request.context]
    const writings = new Map<Placement, Writing>()
    const [creating, changing] = [this.#intent('write', true), this.#intent('write', false)]
    this.#request.operations.forEach((operation, index) => {
      const placement = operation.kind === 'get' ? undefined : this.#place(index)
      if (operation.kind === 'get' || !placement?.mayStore(topology.self)) return
      const group = placement.groupOf(operation.key)
      const intent = creates(operation) ? creating : changing
      const decision = decide(intent, placement, group, unasked, topology)
      if (decision.action !== 'execute' || !isReachable(placement, acks)) return
      let writing = writings.get(placement)
      if (!writing) {
        writing = { indexes: [], roles: [], writes: [] }
        writings.set(placement, writing)
      }
      this.#isShort[index] = true
      writing.indexes.push(index)
      writing.roles.push(decision.as)
      writing.writes.push({ operation, group, slot: placement.slotOf(group) })
    })
    return writings
  }

  answer(): Answer {
    const { session } = this.#request
    const outcomes: Outcome[] = []
    this.#settled.forEach((settled, index) => {
      const outcome = settled?.outcome
      assert(outcome && outcome.kind !== 'transacted', 'every operation has an outcome of its kind')
      outcomes.push(outcome)
      const placement = settled?.point && this.#place(index)
      if (placement && settled.point) session.add(placement.id, settled.point)
    })
    if (session.empty) return { outcomes }
    return { outcomes, session: this.#options.sessions.encode(session) }
  }

  #settle(index: number, settled: Settled): void {
    assert(!this.#settled[index], 'an operation is settled once')
    this.#settled[index] = settled
    this.#open -= 1
  }

  /** Undefined where no partition has the key: the long way says so. */
  #place(index: number): Placement | undefined {
    const known = this.#placements[index]
    if (known) return known
    const { key } = this.#request.operations[index] as Operation
    for (const placement of this.#partitions) {
      if (!placement.hasKey(key)) continue
      this.#placements[index] = placement
      return placement
    }
    return undefined
  }

  #intent(kind: 'read' | 'write', creates = false): Intent {
    const { context, session } = this.#request
    const { consistency, hint = this.#options.topology.self } = context
    const behind = consistency === 'session' && session.degraded
    return { kind, creates, consistency, hint, behind }
  }
}
