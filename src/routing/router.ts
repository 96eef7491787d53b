/**
 * The router: takes operations from the HTTP layer, asks `decide` where each runs, runs it there,
 * feeds what it learns back in and asks again. A region that guessed wrong is told so and follows,
 * invisibly to the client, a bounded number of times.
 */
import { checkTransaction } from '../execution/check-transaction.ts'
import type {
  GroupOperation,
  GroupOutcome,
  Operation,
  Outcome,
  Transaction,
} from '../execution/operation.ts'
import { assert } from '../model/assert.ts'
import { DenizenError } from '../model/errors.ts'
import type { Placement, PlacementTable } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import { PeerFailure } from '../peers/peers.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Random } from '../runtime/random.ts'
import type { ShardClient } from '../storage/shard-client.ts'
import { type RegionsWith, regionsFor } from './acks.ts'
import { assignKey, deriveKey } from './assigned-keys.ts'
import type { Between } from './between-homes.ts'
import type { Claims } from './claims.ts'
import { admit, type Decision, decide, type Role, type Topology } from './decide.ts'
import { executeMany, type Settled, type Tried } from './execute-many.ts'
import type { Forwarder } from './forward.ts'
import {
  avoidAge,
  avoidDamage,
  type Journey,
  know,
  lose,
  nothingLost,
  orTooOld,
  outcomeOnNothing,
  refusal,
  stepOf,
  topologyFor,
  waitForMove,
  wantedOf,
} from './journey.ts'
import type { LocalExecution } from './local-execution.ts'
import { LocalMany } from './local-many.ts'
import type { LocationCache } from './location-cache.ts'
import type {
  Admission,
  Answer,
  CreateAnswer,
  CreateRequest,
  RequestContext,
  TransactionAnswer,
} from './service.ts'
import type { Mac, Session } from './session.ts'
import type { SessionTokens } from './session-tokens.ts'
import type { RoutingOperations } from './shard-operations.ts'
import { creates, principalOf, type StepResult } from './step.ts'
import { readOrWriteNow } from './write-now.ts'

export interface RouterOptions {
  readonly self: RegionId
  readonly table: () => PlacementTable
  readonly topology: Topology
  readonly urlOf: (region: RegionId) => string | undefined
  readonly shards: ShardClient<RoutingOperations>
  readonly claims: Claims
  readonly clock: Clock
  readonly local: LocalExecution
  readonly forwarder: Forwarder
  readonly regionsWith: RegionsWith
  readonly locations: LocationCache
  readonly sessionMac: Mac
  readonly sessions: SessionTokens
  readonly random: Random
  /** This region's record of a key seems to be damaged. */
  readonly onDamaged: (dataset: string, key: string) => void
}

/** Decisions about one operation: asking around, being misdirected twice, failing over a copy. */
const DECISIONS_MAX = 10
/** How often a wrong guess is followed. */
const MISDIRECTIONS_MAX = 2

export class Router {
  readonly #options: RouterOptions & { readonly many: LocalMany }

  constructor(options: RouterOptions) {
    this.#options = { ...options, many: new LocalMany(options) }
  }

  admit(dataset: string, keyOrPrefix: string, via: RegionId | undefined): Admission {
    const { table, topology, urlOf } = this.#options
    const admission = admit(table().locate(dataset, keyOrPrefix), topology, via, urlOf)
    if (admission.kind !== 'no_serving_region') return admission
    throw new DenizenError(
      'no_serving_region',
      via === undefined
        ? `${topology.self} may not answer for this dataset, and no region that may is reachable`
        : `${topology.self} may not answer for this dataset, and ${via} has redirected once already`,
    )
  }

  async execute(
    dataset: string,
    operations: readonly Operation[],
    context: RequestContext,
  ): Promise<Answer> {
    const now = await readOrWriteNow(this.#options, dataset, operations, context)
    if (now) return now
    if (operations.length > 1) {
      return await executeMany(this.#options, dataset, operations, context, (one, session, tried) =>
        this.#route(dataset, one, context, session, tried),
      )
    }
    const { outcomes, ...session } = await this.#executeAll(dataset, operations, context)
    return { outcomes: outcomes.filter(isKeyOutcome), ...session }
  }

  async transact(
    dataset: string,
    transaction: Transaction,
    context: RequestContext,
  ): Promise<TransactionAnswer> {
    checkTransaction(this.#locate(dataset, transaction), transaction)
    const { outcomes, ...session } = await this.#executeAll(dataset, [transaction], context)
    const [outcome] = outcomes
    if (outcome?.kind === 'failed' && outcome.error.applied !== 'yes') throw outcome.error
    const isOver = outcome?.kind === 'transacted' || outcome?.kind === 'failed'
    assert(isOver, 'a transaction comes to an end or fails')
    return { outcome, ...session }
  }

  async #executeAll(
    dataset: string,
    operations: readonly GroupOperation[],
    context: RequestContext,
  ): Promise<{ readonly outcomes: readonly GroupOutcome[]; readonly session?: string }> {
    const session = this.#options.sessions.decode(context.session)
    const settled = await Promise.all(
      operations.map(operation => this.#route(dataset, operation, context, session)),
    )
    operations.forEach((operation, index) => {
      const point = settled[index]?.point
      if (point) session.add(this.#locate(dataset, operation).id, point)
    })
    const outcomes = settled.map(({ outcome }) => outcome)
    if (session.empty) return { outcomes }
    return { outcomes, session: this.#options.sessions.encode(session) }
  }

  async create(
    dataset: string,
    { prefix, ...request }: CreateRequest,
    context: RequestContext,
  ): Promise<CreateAnswer> {
    const { idempotencyKey } = request
    const key =
      idempotencyKey === undefined
        ? assignKey(this.#options, dataset, prefix, context.hint)
        : deriveKey(this.#options, dataset, prefix, {
            principal: context.principal ?? '',
            key: idempotencyKey,
          })
    const operation: Operation = {
      ...{ kind: 'put', key, precondition: { ifNoneMatch: '*' } },
      ...request,
    }
    const answer = await this.execute(dataset, [operation], context)
    const [outcome] = answer.outcomes
    if (outcome?.kind === 'failed' && outcome.error.applied !== 'yes') throw outcome.error
    return { ...answer, key }
  }

  #locate(dataset: string, { kind, key }: GroupOperation): Placement {
    const table = this.#options.table()
    return kind === 'transaction' ? table.locateGroup(dataset, key) : table.locate(dataset, key)
  }

  async #route(
    dataset: string,
    operation: GroupOperation,
    context: RequestContext,
    session: Session,
    tried?: Tried,
  ): Promise<Settled> {
    let journey: Journey | undefined
    try {
      const placement = this.#locate(dataset, operation)
      journey = this.#depart(placement, operation, context, session)
      const begun = tried && this.#learn(journey, this.#options.self, tried.as, tried.result)
      if (begun) return begun
      for (let n = 0; n < DECISIONS_MAX; n++) {
        const decision = decide(
          journey.intent,
          placement,
          journey.group,
          journey.knowledge,
          journey.topology,
        )
        const settled = await this.#follow(journey, decision)
        if (settled) return settled
      }
      throw new DenizenError('home_unreachable', 'the regions do not agree on the home yet')
    } catch (error) {
      if (!(error instanceof DenizenError)) throw error
      return { kind: 'done', outcome: { kind: 'failed', error: orTooOld(journey, error) } }
    }
  }

  #depart(
    placement: Placement,
    operation: GroupOperation,
    context: RequestContext,
    session: Session,
  ): Journey {
    const { topology, locations } = this.#options
    const group = placement.groupOf(operation.key)
    const lost = nothingLost()
    const stored = placement.mayStore(topology.self)
    // Where the policy computes homes, a group that was moved is where it was last seen.
    const asksCopy = stored && placement.computedHome(group) === undefined
    const cached = asksCopy ? undefined : locations.get(placement, group)
    return {
      ...{ placement, operation, group, lost },
      principal: principalOf(this.#options.sessionMac, operation, context.principal),
      phases: context.phases,
      acks: operation.kind === 'get' ? 1 : regionsFor(placement, context.acks),
      wanted: wantedOf(context, session, placement, group),
      ...{ misdirections: 0, movesMet: 0 },
      intent: {
        kind: operation.kind === 'get' ? 'read' : 'write',
        creates: creates(operation),
        consistency: context.consistency,
        hint: context.hint ?? topology.self,
        behind: context.consistency === 'session' && session.degraded,
      },
      knowledge: cached ? { kind: 'home', ...cached } : { kind: 'unasked' },
      topology: topologyFor(topology, lost),
    }
  }

  /** Applies one decision. Returns the result, or undefined when more is known and it goes on. */
  async #follow(journey: Journey, decision: Decision): Promise<Settled | undefined> {
    const { placement, operation, group, phases } = journey
    const { local, forwarder, shards, claims } = this.#options
    switch (decision.action) {
      case 'execute': {
        const result = await local.run(placement, stepOf(journey, decision.as), phases)
        return this.#learn(journey, this.#options.self, decision.as, result)
      }
      case 'forward': {
        const { region, as, relay } = decision
        const running = forwarder.run(region, placement, stepOf(journey, as), relay)
        const result = await (phases ? phases.spend('home', running) : running)
        if (result instanceof PeerFailure) return lose(journey, decision, result)
        return this.#learn(journey, region, as, result)
      }
      case 'consult': {
        const slot = placement.slotOf(group)
        const home = await shards.call(placement.id, slot, 'locate', { group })
        const seen = this.#options.locations.get(placement, group)
        know(journey, seen && seen.term > (home?.term ?? 0) ? seen : home)
        return undefined
      }
      case 'lookup': {
        const home = await claims.lookup(placement, group)
        if (home) know(journey, claims.known(home))
        else journey.knowledge = { kind: 'unclaimed' }
        return undefined
      }
      case 'absent':
        return { kind: 'done', outcome: outcomeOnNothing(this.#options.self, operation) }
      case 'refuse':
        throw refusal(journey, decision)
    }
  }

  #learn(
    journey: Journey,
    region: RegionId,
    as: Role,
    result: StepResult | Between,
  ): Settled | undefined {
    const { placement, group } = journey
    const { locations } = this.#options
    switch (result.kind) {
      case 'done':
        if (as === 'copy' && avoidDamage(journey, region, result)) return undefined
        if (waitForMove(journey, result)) return undefined
        if (result.home) locations.learn(placement.id, group, result.home)
        return result
      case 'behind':
      case 'stale':
        if (result.kind === 'stale') avoidAge(journey, region, result)
        else journey.intent = { ...journey.intent, behind: true }
        if (result.home) know(journey, result.home)
        return undefined
      case 'between':
        return undefined
      case 'unclaimed':
        journey.knowledge = { kind: 'unclaimed' }
        return undefined
      case 'elsewhere':
        journey.misdirections += 1
        if (journey.misdirections > MISDIRECTIONS_MAX + 1) {
          throw new DenizenError('home_unreachable', 'the regions do not agree on the home yet')
        }
        know(journey, result.home)
        locations.learn(placement.id, group, result.home)
        return undefined
    }
  }
}

const isKeyOutcome = (outcome: GroupOutcome): outcome is Outcome => outcome.kind !== 'transacted'
