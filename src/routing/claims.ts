/**
 * Asking registrars: claims of homes for new groups, and look-ups of homes. What is asked in one
 * turn of the event loop of one registrar about one dataset goes in one message.
 */
import { z } from 'zod'
import {
  type ClusterRecord,
  type Member,
  memberFeed,
  registrarOf,
} from '../coordination/cluster-record.ts'
import type { KnownHome } from '../execution/home.ts'
import { assert } from '../model/assert.ts'
import { DenizenError } from '../model/errors.ts'
import { limits, timing } from '../model/limits.ts'
import type { Placement, PlacementTable } from '../model/placement.ts'
import type { RegionId, RegionNumbers } from '../model/slot.ts'
import type { PeerCall } from '../peers/peers.ts'
import { type Tracing, type WayBack, wayBack } from '../runtime/tracing.ts'
import type { GroupHome } from '../storage/row-values.ts'
import type { ShardClient } from '../storage/shard-client.ts'
import { placementAsked } from './receive.ts'
import type { RoutingOperations } from './shard-operations.ts'
import { unanswered } from './unanswered.ts'

const homeSchema = z.strictObject({ region: z.int(), feed: z.int(), term: z.int().min(0) })
const repliesSchema = z.array(homeSchema.nullable())
const requestSchema = z.strictObject({
  dataset: z.string(),
  epoch: z.int().min(1),
  kind: z.enum(['claim', 'lookup']),
  groups: z.array(z.string()).max(limits.claimsPerMessageMax),
})
type RegistrarCall = z.infer<typeof requestSchema>

export interface ClaimsOptions {
  readonly self: RegionId
  readonly record: () => ClusterRecord
  readonly table: () => PlacementTable
  readonly regions: () => RegionNumbers
  readonly shards: ShardClient<RoutingOperations>
  readonly call: PeerCall
  readonly tracing?: Tracing | undefined
  readonly onViolation: () => void
}

interface Waiting {
  readonly group: string
  readonly resolve: (home: GroupHome | null) => void
  readonly reject: (error: unknown) => void
}

interface Bundle {
  readonly region: RegionId
  readonly call: Omit<RegistrarCall, 'groups'>
  readonly waiting: Waiting[]
  /** Back into the span of the first who asks. */
  readonly wayBack: WayBack
}

export class Claims {
  readonly #options: ClaimsOptions
  #bundles = new Map<string, Bundle>()

  constructor(options: ClaimsOptions) {
    this.#options = options
  }

  /** Claims a group for this region; resolves with its home, this region or whoever was first. */
  async claim(placement: Placement, group: string): Promise<GroupHome> {
    assert(placement.mayHome(this.#options.self), 'only a region that may home claims')
    const home = await this.#ask('claim', placement, group)
    assert(home, 'a claim is always answered with a home')
    return home
  }

  /** The registered home of a group; undefined when nobody has claimed it. */
  async lookup(placement: Placement, group: string): Promise<GroupHome | undefined> {
    return (await this.#ask('lookup', placement, group)) ?? undefined
  }

  known(home: GroupHome): KnownHome {
    return { region: this.#options.regions().idOf(home.region), term: home.term }
  }

  registrarOf(placement: Placement, group: string): { region: RegionId; epoch: number } {
    const slot = placement.slotOf(group)
    const registrar = registrarOf(this.#options.record(), placement.id, slot)
    assert(registrar, 'every dataset of the policy has registrars')
    return registrar
  }

  #ask(
    kind: RegistrarCall['kind'],
    placement: Placement,
    group: string,
  ): Promise<GroupHome | null> {
    const { region, epoch } = this.registrarOf(placement, group)
    const name = `${kind} ${region} ${placement.id}`
    return new Promise((resolve, reject) => {
      const bundle = this.#bundles.get(name) ?? {
        region,
        call: { dataset: placement.id, epoch, kind },
        waiting: [],
        wayBack: wayBack(this.#options.tracing),
      }
      if (this.#bundles.size === 0) setImmediate(() => this.#flush())
      this.#bundles.set(name, bundle)
      bundle.waiting.push({ group, resolve, reject })
    })
  }

  #flush(): void {
    const bundles = [...this.#bundles.values()]
    this.#bundles = new Map()
    for (const { region, call, waiting, wayBack } of bundles) {
      while (waiting.length > 0) {
        const some = waiting.splice(0, limits.claimsPerMessageMax)
        wayBack(() => void this.#send(region, call, some))
      }
    }
  }

  async #send(region: RegionId, call: Bundle['call'], waiting: readonly Waiting[]): Promise<void> {
    const { self } = this.#options
    try {
      const request = { ...call, groups: waiting.map(({ group }) => group) }
      const replies =
        region === self
          ? await this.answer(self, request)
          : repliesSchema.parse(
              await this.#options.call(region, 'registrar', request, {
                timeoutMs: timing.callTimeoutMs,
              }),
            )
      assert(replies.length === waiting.length, 'a registrar answers each group')
      for (const [index, { resolve }] of waiting.entries()) resolve(replies[index] ?? null)
    } catch (error) {
      const lost = unanswered(error)
      const failure = lost ? unavailable(region, lost.reason) : error
      for (const { reject } of waiting) reject(failure)
    }
  }

  /** This region as registrar: answers claims and look-ups, its own among them. */
  async answer(from: RegionId, body: unknown): Promise<(GroupHome | null)[]> {
    const { self, record, regions, shards } = this.#options
    const { dataset, epoch, kind, groups } = requestSchema.parse(body)
    const member: Member | undefined = record().members[from]
    if (!member) throw new DenizenError('stale_policy', 'a region that this record does not know')
    const placement = placementAsked(this.#options, from, dataset, asked =>
      groups.every(group => asked.hasGroup(group)),
    )
    const byStore = new Map<number, number[]>()
    groups.forEach((group, index) => {
      const registrar = this.registrarOf(placement, group)
      if (registrar.region !== self || registrar.epoch !== epoch) {
        throw new DenizenError('stale_policy', 'this region is not the registrar at that epoch')
      }
      const store = shards.storeOfSlot(dataset, placement.slotOf(group))
      const indexes = byStore.get(store)
      if (indexes) indexes.push(index)
      else byStore.set(store, [index])
    })
    const replies: (GroupHome | null)[] = groups.map(() => null)
    const claimant = { region: regions().numberOf(from), feed: memberFeed(member) }
    await Promise.all(
      [...byStore].map(async ([store, indexes]) => {
        const some = indexes.map(index => groups[index] as string)
        const answers =
          kind === 'claim'
            ? await shards.callStore(dataset, store, 'claim', {
                epoch,
                claims: some.map(group => ({ group, ...claimant })),
              })
            : await shards.callStore(dataset, store, 'lookup', { groups: some })
        answers.forEach((home, n) => {
          replies[indexes[n] as number] = home
        })
      }),
    )
    return replies
  }
}

const unavailable = (region: RegionId, reason: string): DenizenError =>
  new DenizenError('registrar_unavailable', `the registrar is ${region}: ${reason}`, {
    extra: { registrar: region },
  })
