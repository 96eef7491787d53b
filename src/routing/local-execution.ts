/**
 * Running an operation in this region: at the shard, and, where this region is to become a group's
 * home, after a claim at the registrar. The same code serves clients and other regions.
 */
import type { KnownHome } from '../execution/home.ts'
import type {
  FeedPoint,
  GroupOperation,
  Operation,
  Outcome,
  Receipt,
  Transaction,
} from '../execution/operation.ts'
import type { ReadReply, WantedPoints } from '../execution/operations/read.ts'
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
import { type Freshness, receiptOf } from './receipt.ts'
import type { RoutingOperations } from './shard-operations.ts'
import { creates, onceFor, type Step, type StepResult, valueToPut } from './step.ts'
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

/** What a read of one key comes to where nothing stands in its way. */
export interface LocalAnswer {
  readonly kind: 'done'
  readonly outcome: Outcome
  readonly home?: KnownHome
  readonly point?: FeedPoint
}

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
    const { operation, as, seen, principal = '' } = step
    try {
      switch (operation.kind) {
        case 'get':
          return await this.#read(
            placement,
            operation,
            as === 'copy' ? 'copy' : 'home',
            seen,
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
    seen: WantedPoints,
    phases: Phases | undefined,
  ): Promise<StepResult> {
    const { self, shards, claims, clock } = this.#options
    const group = placement.groupOf(key)
    const slot = placement.slotOf(group)
    const nowMs = clock.wallMs()
    const reading = shards.call(placement.id, slot, 'read', { key, as, seen, nowMs })
    const reply = await inStore(phases, reading)
    switch (reply.kind) {
      case 'elsewhere':
        return reply
      case 'expired':
        await shards.call(placement.id, slot, 'expireKey', { key, nowMs })
        return await this.#read(placement, { kind: 'get', key }, as, seen, phases)
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
        return this.answer(placement, slot, reply)
    }
  }

  /** The same at once, of a store that this thread reads; undefined where `run` has more to do. */
  readNow(placement: Placement, key: Key, as: Role, seen: WantedPoints): LocalAnswer | undefined {
    const { shards, clock } = this.#options
    const slot = placement.slotOf(placement.groupOf(key))
    const request = { key, as: as === 'copy' ? as : 'home', seen, nowMs: clock.wallMs() } as const
    try {
      const reply = shards.readNow(placement.id, slot, 'read', request)?.reply
      const plain = reply?.kind === 'found' || reply?.kind === 'absent'
      return plain ? this.answer(placement, slot, reply) : undefined
    } catch (error) {
      if (error instanceof DenizenError) return undefined
      throw error
    }
  }

  /** Of what was read in a store. */
  answer(
    placement: Placement,
    slot: Slot,
    reply: Extract<ReadReply, { kind: 'found' | 'absent' }>,
  ): LocalAnswer {
    const { home, point } = reply
    const receipt = this.#receipt(home, placement.id, slot)
    const outcome: Outcome =
      reply.kind === 'absent'
        ? { kind: 'absent', receipt }
        : {
            kind: 'found',
            version: reply.version,
            mediaType: reply.mediaType,
            value: reply.value,
            receipt,
          }
    return { kind: 'done', outcome, ...(home && { home }), ...(point && { point }) }
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

  #receipt(home: KnownHome | undefined, dataset?: string, slot?: Slot): Receipt {
    const { self, freshness } = this.#options
    if (home?.region === self) return this.#homeReceipt
    const copy = dataset === undefined || slot === undefined ? undefined : { dataset, slot }
    return receiptOf({ self, freshness }, home, copy)
  }
}
