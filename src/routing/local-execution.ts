/**
 * Running an operation in this region: at the shard, and, where this region is to become a group's
 * home, after a claim at the registrar. The same code serves clients and other regions.
 */
import type { GroupOperation, Operation, Transaction } from '../execution/operation.ts'
import type { Phases } from '../metrics/phases.ts'
import type { AccessRun } from '../model/access-runs.ts'
import { DenizenError } from '../model/errors.ts'
import type { Key } from '../model/key.ts'
import type { Placement } from '../model/placement.ts'
import type { RegionId, Slot } from '../model/slot.ts'
import type { Clock } from '../runtime/clock.ts'
import type { GroupHome } from '../storage/row-values.ts'
import type { ShardClient } from '../storage/shard-client.ts'
import { acknowledged, type RegionsWith, regionsFor } from './acks.ts'
import { atSettledHome, type Between, type Elsewhere, type Moves } from './between-homes.ts'
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
import { LocalResults } from './local-results.ts'
import type { Freshness } from './receipt.ts'
import type { RoutingOperations } from './shard-operations.ts'
import { creates, onceFor, type Step, type StepResult, valueToPut, type Wanted } from './step.ts'

export interface LocalExecutionOptions {
  readonly self: RegionId
  readonly shards: ShardClient<RoutingOperations>
  readonly claims: Claims
  readonly freshness: Freshness
  readonly regionsWith: RegionsWith
  readonly clock: Clock
  readonly moves: Moves
  /** This region's record of a key seems to be damaged. */
  readonly onDamaged: (dataset: string, key: string) => void
}

/** Not at the home: known to be elsewhere, or unclaimed. */
type Misplaced = { readonly kind: 'homeless' } | Elsewhere

type Run<Reply> = (
  nowMs: number,
  claimed: { readonly claimed?: GroupHome },
) => Promise<Reply | Between>

/** What of who sent a mutation goes with it to the shard. */
const sentBy = (
  operation: Exclude<GroupOperation, { kind: 'get' }>,
  { principal = '', entry }: Step,
) => ({
  ...onceFor(operation, principal),
  ...(entry !== undefined && { entry }),
})

const inStore = <T>(phases: Phases | undefined, task: Promise<T>): Promise<T> =>
  phases ? phases.spend('store', task) : task

export class LocalExecution {
  readonly #options: LocalExecutionOptions
  readonly results: LocalResults

  constructor(options: LocalExecutionOptions) {
    this.#options = options
    this.results = new LocalResults(options)
  }

  /** Failures of the operation are outcomes; only bugs reject. */
  async run(placement: Placement, step: Step, phases?: Phases): Promise<StepResult> {
    const { operation, as } = step
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
          return await this.#change(placement, operation, step, phases)
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
    const reply = await atSettledHome(this.#options, placement, group, () =>
      inStore(phases, shards.call(placement.id, slot, 'read', request)),
    )
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
        if (registered.moved) {
          throw new DenizenError('home_moving', 'the copy has yet to hear of the homes before')
        }
        // Claimed by this region, but no write was acknowledged yet.
        return {
          kind: 'done',
          home,
          outcome: { kind: 'absent', receipt: this.results.receipt(home) },
        }
      }
      case 'found':
      case 'absent':
        return judged(
          answerOf(reply, this.results.receiptAt(reply.home, age, reply.lacksPast)),
          wanted,
          () => age.stalenessMs(undefined),
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
    const { home, lacksPast } = reply
    const { freshness } = this.#options
    const receipt = this.results.receipt(home, { dataset, slot, lacksPast })
    const result = judged(answerOf(reply, receipt), wanted, () =>
      freshness.stalenessMs(dataset, slot, undefined),
    )
    return result.kind === 'done' ? result : undefined
  }

  async #change(
    placement: Placement,
    operation: Exclude<GroupOperation, { kind: 'get' }>,
    step: Step,
    phases: Phases | undefined,
  ): Promise<StepResult> {
    // Before anything is applied: it may be more than there are.
    const regions = regionsFor(placement, step.acks)
    const result =
      operation.kind === 'transaction'
        ? await this.#transact(placement, operation, step, phases)
        : await this.#write(placement, operation, step, phases)
    if (regions === 1) return result
    const { regionsWith } = this.#options
    const asked = { regions, operations: [operation] }
    const [settled] = await acknowledged(regionsWith, placement, asked, [result], phases)
    return settled ?? result
  }

  async #write(
    placement: Placement,
    operation: Exclude<Operation, { kind: 'get' }>,
    from: Step,
    phases: Phases | undefined,
  ): Promise<StepResult> {
    const { shards } = this.#options
    const { key, precondition } = operation
    const slot = placement.slotOf(placement.groupOf(key))
    const request = {
      key,
      value: valueToPut(operation),
      precondition,
      ...sentBy(operation, from),
    }
    const reply = await this.#atHome(placement, operation, (nowMs, claimed) =>
      inStore(phases, shards.call(placement.id, slot, 'write', { ...request, nowMs, ...claimed })),
    )
    if ('run' in reply) this.#suggest(placement, key, reply.run)
    return this.results.wrote(reply)
  }

  #suggest(placement: Placement, key: Key, run: AccessRun | undefined): void {
    if (run) this.#options.moves.suggest(placement, placement.groupOf(key), run)
  }

  async #transact(
    placement: Placement,
    transaction: Transaction,
    from: Step,
    phases: Phases | undefined,
  ): Promise<StepResult> {
    const { shards } = this.#options
    const slot = placement.slotOf(transaction.key)
    const request = { transaction, ...sentBy(transaction, from) }
    const reply = await this.#atHome(placement, transaction, (nowMs, claimed) =>
      inStore(
        phases,
        shards.call(placement.id, slot, 'transact', { ...request, nowMs, ...claimed }),
      ),
    )
    if ('run' in reply) this.#suggest(placement, transaction.key, reply.run)
    return this.results.transacted(reply)
  }

  /** Runs a mutation in the shard; where its group has no home yet, again with a claim in hand. */
  async #atHome<Reply extends { readonly kind: string; readonly over?: number }>(
    placement: Placement,
    operation: GroupOperation,
    run: Run<Reply>,
  ): Promise<Reply | Misplaced> {
    const { self, claims } = this.#options
    const group = placement.groupOf(operation.key)
    const first = await this.#run(placement, group, run, {})
    if (first.kind !== 'homeless') return first
    let registered: GroupHome | undefined
    if (!creates(operation)) registered = await claims.lookup(placement, group)
    else if (placement.mayHome(self)) {
      registered = await claims.claim(placement, group, first.over)
    }
    if (!registered) return { kind: 'homeless' }
    const home = claims.known(registered)
    if (home.region !== self) return { kind: 'elsewhere', home }
    return await this.#run(placement, group, run, { claimed: registered })
  }

  async #run<Reply>(
    placement: Placement,
    group: string,
    run: Run<Reply>,
    claimed: { readonly claimed?: GroupHome },
  ): Promise<Reply | Elsewhere> {
    const { clock } = this.#options
    return await atSettledHome(this.#options, placement, group, () => run(clock.wallMs(), claimed))
  }
}
