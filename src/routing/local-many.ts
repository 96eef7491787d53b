/**
 * Running many operations of one request in this region: reads at once in this very thread, writes
 * in one request for each store. Each has its own result, the same as `LocalExecution` gives.
 */
import type { Operation, Outcome, Receipt } from '../execution/operation.ts'
import type { WantedPoints } from '../execution/operations/read.ts'
import { replyKinds, type WriteManyReply } from '../execution/operations/write-many.ts'
import { DenizenError } from '../model/errors.ts'
import type { Key } from '../model/key.ts'
import type { Placement } from '../model/placement.ts'
import type { RegionId, Slot } from '../model/slot.ts'
import type { Clock } from '../runtime/clock.ts'
import type { GroupHome } from '../storage/row-values.ts'
import type { ShardClient } from '../storage/shard-client.ts'
import { acknowledged, type RegionsWith, regionsFor } from './acks.ts'
import type { Claims } from './claims.ts'
import type { Role } from './decide.ts'
import { type Demands, isOfWhole, type LocalAnswer } from './local-answer.ts'
import type { LocalExecution } from './local-execution.ts'
import { ManyWrites } from './many-writes.ts'
import { RecentAnswers } from './recent-answers.ts'
import type { RequestContext } from './service.ts'
import type { Mac } from './session.ts'
import type { RoutingOperations } from './shard-operations.ts'
import { creates, principalName, repeatable, type StepResult } from './step.ts'

export interface LocalManyOptions {
  readonly self: RegionId
  readonly shards: ShardClient<RoutingOperations>
  readonly claims: Claims
  readonly clock: Clock
  readonly local: LocalExecution
  readonly regionsWith: RegionsWith
  readonly sessionMac: Mac
  /** This region's record of a key seems to be damaged. */
  readonly onDamaged: (dataset: string, key: string) => void
}

/** Reads of one store. */
export interface ManyReads extends Demands {
  readonly as: Role
  readonly keys: Key[]
  readonly slots: Slot[]
  /** For each key. */
  readonly seen: WantedPoints[]
}

export const noReads = (as: Role, demands: Demands): ManyReads => ({
  ...{ as, keys: [], slots: [], seen: [], ...demands },
})

export interface PlacedWrite {
  readonly operation: Exclude<Operation, { kind: 'get' }>
  readonly group: string
  readonly slot: Slot
}

/** Undefined: nobody is home yet, and what comes of it is known later. */
type Results = (StepResult | undefined)[]

export class LocalMany {
  readonly #options: LocalManyOptions
  readonly #receipt: Receipt
  readonly #recent = new WeakMap<Placement, RecentAnswers>()

  constructor(options: LocalManyOptions) {
    this.#options = options
    const { self } = options
    this.#receipt = { home: self, servedBy: self, role: 'home', stalenessMs: 0 }
  }

  /** What was found lately and still is; to be asked for anew by each request. */
  recent(placement: Placement): RecentAnswers {
    let recent = this.#recent.get(placement)
    if (!recent) {
      recent = new RecentAnswers(this.#options.self)
      this.#recent.set(placement, recent)
    }
    recent.begin()
    return recent
  }

  /** As `LocalExecution.readNow`, for each of the keys; `recent` keeps what it may. */
  readNow(
    placement: Placement,
    { as: role, keys, slots, seen, ...demands }: ManyReads,
    recent: RecentAnswers,
  ): (LocalAnswer | undefined)[] {
    const { shards, clock, local } = this.#options
    const as = role === 'copy' ? role : 'home'
    const whole = isOfWhole(demands)
    const request = { keys, slots, seen, as, whole, nowMs: clock.wallMs() } as const
    try {
      const replies = shards.readNow(placement.id, slots[0] ?? 0, 'readMany', request)?.reply
      if (!replies) return []
      const store = recent.storeAtRest(shards, placement, slots[0] ?? 0)
      return replies.map((reply, index) => {
        if (reply.kind !== 'found' && reply.kind !== 'absent') return undefined
        const answer = local.answerNow(placement, slots[index] as Slot, reply, demands)
        if (answer && store && reply.kind === 'found') {
          recent.keep(store, keys[index] as Key, answer, reply.expiresAtMs)
        }
        return answer
      })
    } catch (error) {
      if (error instanceof DenizenError) return []
      throw error
    }
  }

  /**
   * Runs writes in order, claims the groups that have no home and may get one, and waits for the
   * regions that are to have them. Failures are outcomes; only bugs reject.
   */
  async write(
    placement: Placement,
    writes: readonly PlacedWrite[],
    context: RequestContext,
  ): Promise<StepResult[]> {
    const { phases } = context
    const principal = this.#principalOf(writes, context.principal)
    const results: Results = new Array(writes.length)
    const everyOne = writes.map((_, index) => index)
    const pass = (indexes: readonly number[], claimed?: ReadonlyMap<number, GroupHome>) => {
      const running = this.#pass(placement, writes, indexes, { principal, results, claimed })
      return phases ? phases.spend('store', running) : running
    }
    await pass(everyOne)
    const homeless = everyOne.filter(index => results[index] === undefined)
    if (homeless.length > 0) {
      const claimed = await this.#claim(placement, writes, homeless, results)
      await pass([...claimed.keys()], claimed)
    }
    const ended = results.map((result): StepResult => result ?? { kind: 'unclaimed' })
    const regions = regionsFor(placement, context.acks)
    if (regions === 1) return ended
    const operations = writes.map(({ operation }) => operation)
    const { regionsWith } = this.#options
    return await acknowledged(regionsWith, placement, { regions, operations }, ended, phases)
  }

  #principalOf(writes: readonly PlacedWrite[], principal: string | undefined): string {
    const isNamed = principal !== undefined && writes.some(({ operation }) => repeatable(operation))
    return isNamed ? principalName(this.#options.sessionMac, principal) : ''
  }

  /** One request for each store, or several where it would be large, in order. */
  async #pass(
    placement: Placement,
    writes: readonly PlacedWrite[],
    indexes: readonly number[],
    run: {
      readonly principal: string
      readonly results: Results
      readonly claimed: ReadonlyMap<number, GroupHome> | undefined
    },
  ): Promise<void> {
    const { shards } = this.#options
    const open = new Map<number, ManyWrites>()
    const sent: Promise<void>[] = []
    for (const index of indexes) {
      const { operation, slot } = writes[index] as PlacedWrite
      const store = shards.storeOfSlot(placement.id, slot)
      let gathered = open.get(store)
      if (gathered && !gathered.takes(operation)) {
        sent.push(this.#send(placement, store, gathered, writes, run.results))
        gathered = undefined
      }
      if (!gathered) {
        gathered = new ManyWrites(run.principal)
        open.set(store, gathered)
      }
      gathered.add(index, operation, run.claimed?.get(index))
    }
    for (const [store, gathered] of open) {
      sent.push(this.#send(placement, store, gathered, writes, run.results))
    }
    await Promise.all(sent)
  }

  async #send(
    placement: Placement,
    store: number,
    gathered: ManyWrites,
    writes: readonly PlacedWrite[],
    results: Results,
  ): Promise<void> {
    const { shards, clock } = this.#options
    const { indexes } = gathered
    try {
      const body = { ...gathered.request(), nowMs: clock.wallMs() }
      const reply = await shards.callStore(placement.id, store, 'writeMany', body)
      indexes.forEach((index, at) => {
        results[index] = this.#resultOf(placement, writes[index] as PlacedWrite, reply, at)
      })
    } catch (error) {
      for (const index of indexes) {
        results[index] = this.#failed(placement, writes[index] as PlacedWrite, error)
      }
    }
  }

  #resultOf(
    placement: Placement,
    write: PlacedWrite,
    { feed, kinds, versions, others }: WriteManyReply,
    at: number,
  ): StepResult | undefined {
    const kind = kinds[at]
    if (kind === replyKinds.other) {
      const reply = others.get(at)
      if (reply?.kind === 'homeless') return undefined
      if (reply?.kind === 'failed') {
        return this.#failed(placement, write, DenizenError.fromWire(reply.error))
      }
      return reply && this.#options.local.wrote(reply)
    }
    const version = { term: versions[at * 2] as number, seq: versions[at * 2 + 1] as number }
    const receipt = this.#receipt
    const outcome: Outcome =
      kind === replyKinds.deleted
        ? { kind: 'deleted', version, receipt }
        : { kind: 'written', version, created: kind === replyKinds.created, receipt }
    return { kind: 'done', outcome, point: { slot: write.slot, feed, position: version.seq } }
  }

  #failed(placement: Placement, { operation }: PlacedWrite, error: unknown): StepResult {
    if (!(error instanceof DenizenError)) throw error
    if (error.code === 'damaged_record') this.#options.onDamaged(placement.id, operation.key)
    return { kind: 'done', outcome: { kind: 'failed', error } }
  }

  /**
   * Asks for the homes of groups that have none here, and claims those that may begin here. Returns
   * the writes that go on here; what comes of the others is in `results`.
   */
  async #claim(
    placement: Placement,
    writes: readonly PlacedWrite[],
    homeless: readonly number[],
    results: Results,
  ): Promise<ReadonlyMap<number, GroupHome>> {
    const { self, claims } = this.#options
    const found = await Promise.all(
      homeless.map(async index => {
        const write = writes[index] as PlacedWrite
        try {
          return await this.#homeOf(placement, write)
        } catch (error) {
          results[index] = this.#failed(placement, write, error)
          return undefined
        }
      }),
    )
    const claimed = new Map<number, GroupHome>()
    for (const [n, registered] of found.entries()) {
      const index = homeless[n] as number
      if (!registered) continue
      const home = claims.known(registered)
      if (home.region === self) claimed.set(index, registered)
      else results[index] = { kind: 'elsewhere', home }
    }
    return claimed
  }

  async #homeOf(
    placement: Placement,
    { operation, group }: PlacedWrite,
  ): Promise<GroupHome | undefined> {
    const { self, claims } = this.#options
    if (!creates(operation)) return await claims.lookup(placement, group)
    return placement.mayHome(self) ? await claims.claim(placement, group) : undefined
  }
}
