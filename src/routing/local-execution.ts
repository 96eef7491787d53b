/**
 * Running an operation in this region: at the shard, and, where this region is to become a group's
 * home, after a claim at the registrar. The same code serves clients and other regions.
 */
import type { KnownHome } from '../execution/home.ts'
import type {
  GroupOperation,
  Operation,
  Outcome,
  Receipt,
  Transaction,
} from '../execution/operation.ts'
import type { WriteReply } from '../execution/operations/write.ts'
import type { Phases } from '../metrics/phases.ts'
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
import {
  answerOf,
  type Demands,
  isOfWhole,
  judged,
  type LocalAnswer,
  type PlainReply,
} from './local-answer.ts'
import { type CopyAge, type Freshness, receiptAt, receiptOf } from './receipt.ts'
import type { RoutingOperations } from './shard-operations.ts'
import { creates, onceFor, type Step, type StepResult, valueToPut, type Wanted } from './step.ts'
import { mismatch, transactedResult } from './step-results.ts'

export interface LocalExecutionOptions {
  readonly self: RegionId
  readonly shards: ShardClient<RoutingOperations>
  readonly claims: Claims
  readonly freshness: Freshness
  readonly regionsWith: RegionsWith
  readonly clock: Clock
  /** This region's record of a key seems to be damaged. */
  readonly onDamaged: (dataset: string, key: string) => void
}

/** Not at the home: known to be elsewhere, or unclaimed. */
type Misplaced =
  | { readonly kind: 'homeless' }
  | { readonly kind: 'elsewhere'; readonly home: KnownHome }

const inStore = <T>(phases: Phases | undefined, task: Promise<T>): Promise<T> =>
  phases ? phases.spend('store', task) : task

export class LocalExecution {
  readonly #options: LocalExecutionOptions
  /** One for all that is answered at home. */
  readonly #homeReceipt: Receipt

  constructor(options: LocalExecutionOptions) {
    this.#options = options
    const { self } = options
    this.#homeReceipt = { home: self, servedBy: self, role: 'home', stalenessMs: 0 }
  }

  /** Failures of the operation are outcomes; only bugs reject. */
  async run(placement: Placement, step: Step, phases?: Phases): Promise<StepResult> {
    const { operation, as, principal = '' } = step
    try {
      switch (operation.kind) {
        case 'get':
          return await this.#read(
            placement,
            operation,
            as === 'copy' ? 'copy' : 'home',
            step,
            phases,
          )
        default:
          return await this.#change(placement, operation, principal, step.acks, phases)
      }
    } catch (error) {
      if (!(error instanceof DenizenError)) throw error
      if (error.code === 'damaged_record') this.#options.onDamaged(placement.id, operation.key)
      return { kind: 'done', outcome: { kind: 'failed', error } }
    }
  }

  async #read(
    placement: Placement,
    { key }: Operation,
    as: 'home' | 'copy',
    wanted: Wanted,
    phases: Phases | undefined,
  ): Promise<StepResult> {
    const { self, shards, claims, freshness, clock } = this.#options
    const group = placement.groupOf(key)
    const slot = placement.slotOf(group)
    const nowMs = clock.wallMs()
    const age = freshness.asOf(placement.id, slot)
    const request = { key, as, seen: wanted.seen, whole: isOfWhole(wanted), nowMs }
    const reading = shards.call(placement.id, slot, 'read', request)
    const reply = await inStore(phases, reading)
    switch (reply.kind) {
      case 'elsewhere':
        return reply
      case 'expired':
        await shards.call(placement.id, slot, 'expireKey', { key, nowMs })
        return await this.#read(placement, { kind: 'get', key }, as, wanted, phases)
      case 'behind':
        return reply.home ? { kind: 'behind', home: reply.home } : { kind: 'behind' }
      case 'damaged': {
        const registered = as === 'home' && !reply.home && (await claims.lookup(placement, group))
        const home = registered ? claims.known(registered) : undefined
        if (home && home.region !== self) {
          this.#options.onDamaged(placement.id, key)
          return { kind: 'elsewhere', home }
        }
        throw new DenizenError('damaged_record', `the copy in ${self} is damaged`)
      }
      case 'homeless': {
        const registered = await claims.lookup(placement, group)
        if (!registered) return { kind: 'unclaimed' }
        const home = claims.known(registered)
        if (home.region !== self) return { kind: 'elsewhere', home }
        // Claimed by this region, but no write was acknowledged yet.
        return { kind: 'done', home, outcome: { kind: 'absent', receipt: this.#receipt(home) } }
      }
      case 'found':
      case 'absent':
        return judged(answerOf(reply, this.#receipt(reply.home, age)), wanted, () =>
          age.stalenessMs(undefined),
        )
    }
  }

  /** The same at once, of a store that this thread reads; undefined where `run` has more to do. */
  readNow(placement: Placement, key: Key, as: Role, wanted: Wanted): LocalAnswer | undefined {
    const { shards, clock } = this.#options
    const slot = placement.slotOf(placement.groupOf(key))
    const request = {
      ...({ key, as: as === 'copy' ? as : 'home', seen: wanted.seen } as const),
      ...{ whole: isOfWhole(wanted), nowMs: clock.wallMs() },
    }
    try {
      const reply = shards.readNow(placement.id, slot, 'read', request)?.reply
      const plain = reply?.kind === 'found' || reply?.kind === 'absent'
      return plain ? this.answerNow(placement, slot, reply, wanted) : undefined
    } catch (error) {
      if (error instanceof DenizenError) return undefined
      throw error
    }
  }

  /** Of what was just read in a store, in this turn; undefined where it is too old. */
  answerNow(
    { id: dataset }: Placement,
    slot: Slot,
    reply: PlainReply,
    wanted: Demands,
  ): LocalAnswer | undefined {
    const { home } = reply
    const isHome = home?.region === this.#options.self
    const receipt = isHome ? this.#homeReceipt : receiptOf(this.#options, home, { dataset, slot })
    const { freshness } = this.#options
    const result = judged(answerOf(reply, receipt), wanted, () =>
      freshness.stalenessMs(dataset, slot, undefined),
    )
    return result.kind === 'done' ? result : undefined
  }

  async #change(
    placement: Placement,
    operation: Exclude<GroupOperation, { kind: 'get' }>,
    principal: string,
    acks: number | undefined,
    phases: Phases | undefined,
  ): Promise<StepResult> {
    // Before anything is applied: it may be more than there are.
    const regions = regionsFor(placement, acks)
    const result =
      operation.kind === 'transaction'
        ? await this.#transact(placement, operation, principal, phases)
        : await this.#write(placement, operation, principal, phases)
    if (regions === 1) return result
    const { regionsWith } = this.#options
    const asked = { regions, operations: [operation] }
    const [settled] = await acknowledged(regionsWith, placement, asked, [result], phases)
    return settled ?? result
  }

  async #write(
    placement: Placement,
    operation: Exclude<Operation, { kind: 'get' }>,
    principal: string,
    phases: Phases | undefined,
  ): Promise<StepResult> {
    const { shards } = this.#options
    const { key, precondition } = operation
    const slot = placement.slotOf(placement.groupOf(key))
    const request = {
      key,
      value: valueToPut(operation),
      precondition,
      ...onceFor(operation, principal),
    }
    const reply = await this.#atHome(placement, operation, (nowMs, claimed) =>
      inStore(phases, shards.call(placement.id, slot, 'write', { ...request, nowMs, ...claimed })),
    )
    return this.wrote(reply)
  }

  async #transact(
    placement: Placement,
    transaction: Transaction,
    principal: string,
    phases: Phases | undefined,
  ): Promise<StepResult> {
    const { shards } = this.#options
    const slot = placement.slotOf(transaction.key)
    const request = { transaction, ...onceFor(transaction, principal) }
    const reply = await this.#atHome(placement, transaction, (nowMs, claimed) =>
      inStore(
        phases,
        shards.call(placement.id, slot, 'transact', { ...request, nowMs, ...claimed }),
      ),
    )
    return transactedResult(reply, home => this.#receipt(home))
  }

  /** Runs a mutation in the shard; where its group has no home yet, again with a claim in hand. */
  async #atHome<Reply extends { readonly kind: string }>(
    placement: Placement,
    operation: GroupOperation,
    run: (nowMs: number, claimed: { readonly claimed?: GroupHome }) => Promise<Reply>,
  ): Promise<Reply | Misplaced> {
    const { self, claims, clock } = this.#options
    const first = await run(clock.wallMs(), {})
    if (first.kind !== 'homeless') return first
    const group = placement.groupOf(operation.key)
    let registered: GroupHome | undefined
    if (!creates(operation)) registered = await claims.lookup(placement, group)
    else if (placement.mayHome(self)) registered = await claims.claim(placement, group)
    if (!registered) return { kind: 'homeless' }
    const home = claims.known(registered)
    if (home.region !== self) return { kind: 'elsewhere', home }
    return await run(clock.wallMs(), { claimed: registered })
  }

  /** Of what a store was asked to write. */
  wrote(reply: WriteReply): StepResult {
    switch (reply.kind) {
      case 'homeless':
        return { kind: 'unclaimed' }
      case 'elsewhere':
        return reply
      case 'absent':
      case 'mismatch': {
        const { home, point } = reply
        const receipt = this.#receipt(home)
        const outcome: Outcome =
          reply.kind === 'absent'
            ? { kind: 'absent', receipt }
            : { kind: 'failed', error: mismatch(reply.current), receipt }
        return { kind: 'done', home, outcome, ...(point && { point }) }
      }
      case 'written':
      case 'deleted': {
        const { version, created, point, home } = reply
        const receipt = this.#receipt(home)
        const outcome: Outcome =
          reply.kind === 'written'
            ? { kind: 'written', version, created, receipt }
            : { kind: 'deleted', version, receipt }
        return { kind: 'done', home, point, outcome }
      }
    }
  }

  /** `age`: of the copy that answered, where it is of interest. */
  #receipt(home: KnownHome | undefined, age?: CopyAge): Receipt {
    const { self } = this.#options
    return home?.region === self ? this.#homeReceipt : receiptAt(self, home, age?.stalenessMs)
  }
}
