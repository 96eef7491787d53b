/** What a region asks others for, and answers them, while the policy changes. */
import { type ClusterRecord, policyStep } from '../coordination/cluster-record.ts'
import { DenizenError } from '../model/errors.ts'
import { limits, timing } from '../model/limits.ts'
import type { PlacementTable } from '../model/placement.ts'
import { phases } from '../model/policy-change.ts'
import type { Position } from '../model/position.ts'
import type { RegionId } from '../model/slot.ts'
import type { PeerCall } from '../peers/peers.ts'
import type { ReplicationOperations } from '../replication/shard-operations.ts'
import type { Claims } from '../routing/claims.ts'
import { placementAsked } from '../routing/receive.ts'
import type { InheritHomesRequest } from '../routing/registrar.ts'
import type { RoutingOperations } from '../routing/shard-operations.ts'
import type { ShardClient } from '../storage/shard-client.ts'
import { type OwnEndsOptions, ownEnds } from './own-ends.ts'
import {
  endsSchema,
  grantedSchema,
  type Place,
  type Progress,
  policyRequestSchema,
} from './policy-messages.ts'

type Homes = InheritHomesRequest['homes']

export class PolicyPeers {
  readonly #adopted: ClusterRecord
  readonly #call: PeerCall

  constructor(adopted: ClusterRecord, call: PeerCall) {
    this.#adopted = adopted
    this.#call = call
  }

  /** Where the feeds of a region end, by slot. */
  async ends(region: RegionId, dataset: string): Promise<readonly Position[]> {
    return endsSchema.parse(await this.#ask(region, { kind: 'ends', dataset })).ends
  }

  /** What a region has granted as the registrar before this one, in parts. */
  async *granted(region: RegionId, dataset: string): AsyncIterableIterator<Homes> {
    let from: Place | null = { store: 0, after: null }
    while (from !== null) {
      const body = await this.#ask(region, { kind: 'granted', dataset, from })
      const { homes, next }: ReturnType<typeof grantedSchema.parse> = grantedSchema.parse(body)
      yield homes
      from = next
    }
  }

  #ask(region: RegionId, body: object): Promise<unknown> {
    const options = { timeoutMs: timing.callTimeoutMs }
    return this.#call(region, 'policy', { ...body, ...policyStep(this.#adopted) }, options)
  }
}

export interface PolicyAnswersOptions extends OwnEndsOptions {
  readonly table: PlacementTable
  readonly shards: ShardClient<ReplicationOperations & RoutingOperations>
  readonly claims: Claims
  readonly progress: () => Progress
  /** All threads of this node act by what it has adopted. */
  readonly hasBegun: boolean
  readonly onViolation: () => void
}

/** Answers another region's `policy`. Throws `stale_policy` where this one is not as far. */
export async function answerPolicy(
  options: PolicyAnswersOptions,
  from: RegionId,
  body: unknown,
): Promise<unknown> {
  const { self, adopted, shards, claims } = options
  const request = policyRequestSchema.parse(body)
  if (!options.hasBegun) throw notYet()
  refuseUnlessReached(adopted, request)
  // Who has come to a later phase was through with this one.
  const isLater = policyStep(adopted).phase !== request.phase || !adopted.next
  if (request.kind === 'progress') {
    return isLater ? { done: true, leftCopies: [] } : options.progress()
  }
  const { dataset } = request
  const common = { self, table: () => options.table, onViolation: options.onViolation }
  const placement = placementAsked(common, from, dataset, asked => asked.mayStore(from))
  if (request.kind === 'ends') return { ends: await ownEnds(options, placement) }
  const { store, after } = request.from
  if (store >= shards.storeCount(dataset)) return { homes: [], next: null }
  const slots = Array.from({ length: placement.data.slots }, (_, slot) => slot).filter(
    slot =>
      claims.registrarBefore(placement, slot) === self &&
      claims.registrarOfSlot(placement, slot)?.region === from,
  )
  const asked = { slots, after, max: limits.markersPerTurn }
  const { homes, next } = await shards.callStore(dataset, store, 'grantedHomes', asked)
  if (next !== null) return { homes, next: { store, after: next } }
  const isLast = store + 1 >= shards.storeCount(dataset)
  return { homes, next: isLast ? null : { store: store + 1, after: null } }
}

function refuseUnlessReached(adopted: ClusterRecord, asked: ReturnType<typeof policyStep>): void {
  const here = policyStep(adopted)
  const isAhead =
    here.policyEpoch > asked.policyEpoch ||
    (here.policyEpoch === asked.policyEpoch &&
      phases.indexOf(here.phase) >= phases.indexOf(asked.phase))
  if (!isAhead) throw notYet()
}

const notYet = (): DenizenError =>
  new DenizenError('stale_policy', 'this region has not come to that phase yet')
