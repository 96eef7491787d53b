/**
 * Running an operation in this region: at the shard, and, where this region is to become a group's
 * home, after a claim at the registrar. The same code serves clients and other regions.
 */
import type { KnownHome } from '../execution/home.ts'
import type { FeedPoint, Operation, Outcome, Receipt } from '../execution/operation.ts'
import type { SeenPoints } from '../execution/operations/read.ts'
import type { WriteReply, WriteRequest } from '../execution/operations/write.ts'
import { DenizenError } from '../model/errors.ts'
import type { Placement } from '../model/placement.ts'
import type { RegionId, Slot } from '../model/slot.ts'
import { formatVersion, type Version } from '../model/version.ts'
import type { GroupHome } from '../storage/row-values.ts'
import type { ShardClient } from '../storage/shard-client.ts'
import type { Claims } from './claims.ts'
import type { Role } from './decide.ts'
import type { RoutingOperations } from './shard-operations.ts'

/** What a region answers to one operation: an outcome, or where to go instead. */
export type StepResult =
  | {
      readonly kind: 'done'
      readonly outcome: Outcome
      readonly home?: KnownHome
      readonly point?: FeedPoint
    }
  | { readonly kind: 'elsewhere'; readonly home: KnownHome }
  | { readonly kind: 'behind'; readonly home?: KnownHome }
  /** The registrar says that nobody has claimed the group. */
  | { readonly kind: 'unclaimed' }

/** How old a copy may be, as replication knows it. */
export interface Freshness {
  /** `home` undefined: the greatest over all feeds of the slot that could have brought a change. */
  stalenessMs(dataset: string, slot: Slot, home: RegionId | undefined): number | undefined
}

export interface LocalExecutionOptions {
  readonly self: RegionId
  readonly shards: ShardClient<RoutingOperations>
  readonly claims: Claims
  readonly freshness: Freshness
}

/** True where the operation can bring a key, and so a group, into being. */
export const creates = (operation: Operation): boolean =>
  operation.kind === 'put' && operation.precondition.ifMatch === undefined

const mismatch = (current: Version | undefined): DenizenError =>
  current
    ? new DenizenError('version_mismatch', 'the key has another version', {
        extra: { current: formatVersion(current) },
      })
    : new DenizenError('version_mismatch', 'the key does not exist')

export class LocalExecution {
  readonly #options: LocalExecutionOptions

  constructor(options: LocalExecutionOptions) {
    this.#options = options
  }

  /** Failures of the operation are outcomes; only bugs reject. */
  async run(
    placement: Placement,
    operation: Operation,
    as: Role,
    seen: SeenPoints,
  ): Promise<StepResult> {
    try {
      return operation.kind === 'get'
        ? await this.#read(placement, operation, as === 'copy' ? 'copy' : 'home', seen)
        : await this.#write(placement, operation)
    } catch (error) {
      if (!(error instanceof DenizenError)) throw error
      return { kind: 'done', outcome: { kind: 'failed', error } }
    }
  }

  async #read(
    placement: Placement,
    { key }: Operation,
    as: 'home' | 'copy',
    seen: SeenPoints,
  ): Promise<StepResult> {
    const { self, shards, claims } = this.#options
    const group = placement.groupOf(key)
    const slot = placement.slotOf(group)
    const reply = await shards.call(placement.id, slot, 'read', { key, as, seen })
    switch (reply.kind) {
      case 'elsewhere':
        return reply
      case 'behind':
        return reply.home ? { kind: 'behind', home: reply.home } : { kind: 'behind' }
      case 'homeless': {
        const registered = await claims.lookup(placement, group)
        if (!registered) return { kind: 'unclaimed' }
        const home = claims.known(registered)
        if (home.region !== self) return { kind: 'elsewhere', home }
        // Claimed by this region, but no write was acknowledged yet.
        return { kind: 'done', home, outcome: { kind: 'absent', receipt: this.#receipt(home) } }
      }
      case 'found':
      case 'absent': {
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
    }
  }

  async #write(
    placement: Placement,
    operation: Exclude<Operation, { kind: 'get' }>,
  ): Promise<StepResult> {
    const { self, shards, claims } = this.#options
    const group = placement.groupOf(operation.key)
    const slot = placement.slotOf(group)
    const request: WriteRequest = {
      key: operation.key,
      value:
        operation.kind === 'put'
          ? { bytes: operation.value, mediaType: operation.mediaType }
          : undefined,
      precondition: operation.precondition,
    }
    const first = await shards.call(placement.id, slot, 'write', request)
    if (first.kind !== 'homeless') return this.#wrote(first)
    let registered: GroupHome | undefined
    if (!creates(operation)) {
      registered = await claims.lookup(placement, group)
      if (!registered) return { kind: 'unclaimed' }
    } else if (placement.mayHome(self)) registered = await claims.claim(placement, group)
    else return { kind: 'unclaimed' }
    const home = claims.known(registered)
    if (home.region !== self) return { kind: 'elsewhere', home }
    const claimed = { ...request, claimed: registered }
    return this.#wrote(await shards.call(placement.id, slot, 'write', claimed))
  }

  #wrote(reply: WriteReply): StepResult {
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
    const region = home && { home: home.region }
    if (home?.region === self) return { ...region, servedBy: self, role: 'home', stalenessMs: 0 }
    const stalenessMs =
      dataset === undefined || slot === undefined
        ? undefined
        : freshness.stalenessMs(dataset, slot, home?.region)
    const age = stalenessMs === undefined ? {} : { stalenessMs }
    return { ...region, servedBy: self, role: 'replica', ...age }
  }
}
