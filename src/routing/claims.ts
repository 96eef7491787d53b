/**
 * Asking registrars: claims of homes for new groups, and look-ups of homes. What is asked in one
 * turn of the event loop of one registrar about one dataset goes in one message.
 */
import {
  type ClusterRecord,
  type Member,
  memberFeed,
  registrarBefore,
  registrarOf,
} from '../coordination/cluster-record.ts'
import type { KnownHome } from '../execution/home.ts'
import { assert } from '../model/assert.ts'
import { DenizenError } from '../model/errors.ts'
import { limits } from '../model/limits.ts'
import type { Placement, PlacementTable } from '../model/placement.ts'
import type { RegionId, RegionNumbers, Slot } from '../model/slot.ts'
import { type Tracing, type WayBack, wayBack } from '../runtime/tracing.ts'
import type { GroupHome } from '../storage/row-values.ts'
import type { ShardClient } from '../storage/shard-client.ts'
import { placementAsked } from './receive.ts'
import { type RegistrarCall, repliesSchema, requestSchema } from './registrar-messages.ts'
import type { Relays } from './relays.ts'
import type { RoutingOperations } from './shard-operations.ts'
import { unanswered } from './unanswered.ts'

export interface ClaimsOptions {
  readonly self: RegionId
  readonly record: () => ClusterRecord
  readonly table: () => PlacementTable
  readonly regions: () => RegionNumbers
  readonly shards: ShardClient<RoutingOperations>
  readonly relays: Relays
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
  readonly call: Omit<RegistrarCall, 'groups' | 'fromTerm'>
  readonly waiting: Waiting[]
  /** Back into the span of the first who asks. */
  readonly wayBack: WayBack
}

interface Registrar {
  readonly region: RegionId
  readonly epoch: number
}

export class Claims {
  readonly #options: ClaimsOptions
  #bundles = new Map<string, Bundle>()

  constructor(options: ClaimsOptions) {
    this.#options = options
  }

  /**
   * Claims a group for this region; resolves with its home, this region or whoever was first.
   * `over`: of a group that was erased under this term, whose home under it does not count.
   */
  async claim(placement: Placement, group: string, over?: number): Promise<GroupHome> {
    assert(placement.mayHome(this.#options.self), 'only a region that may home claims')
    const home =
      over === undefined
        ? await this.#ask('claim', placement, group)
        : await this.#askOne('claim', placement, group, over)
    assert(home, 'a claim is always answered with a home')
    return home
  }

  /** The registered home of a group; undefined when nobody has claimed it. */
  async lookup(placement: Placement, group: string): Promise<GroupHome | undefined> {
    return (await this.#ask('lookup', placement, group)) ?? undefined
  }

  /**
   * The compare-and-set of a move: makes this region the home of a group that has stopped under a
   * term. Resolves with whoever is home now; undefined where the registrar knows no home.
   */
  async move(
    placement: Placement,
    group: string,
    fromTerm: number,
  ): Promise<GroupHome | undefined> {
    assert(placement.mayHome(this.#options.self), 'only a region that may home takes a group')
    return (await this.#askOne('move', placement, group, fromTerm)) ?? undefined
  }

  async #askOne(
    kind: RegistrarCall['kind'],
    placement: Placement,
    group: string,
    fromTerm: number,
  ): Promise<GroupHome | null> {
    const { region, epoch } = this.registrarOf(placement, group)
    const call = { dataset: placement.id, epoch, kind, fromTerm }
    return (await this.#askNow(region, { ...call, groups: [group] }))[0] ?? null
  }

  /** Throws `stale_policy` where a registrar that is ahead names a region that is unknown here. */
  known({ region, term }: GroupHome): KnownHome {
    const regions = this.#options.regions()
    if (regions.knows(region)) return { region: regions.idOf(region), term }
    throw new DenizenError('stale_policy', 'a region that this record does not know is the home')
  }

  registrarOf(placement: Placement, group: string): Registrar {
    const registrar = this.registrarOfSlot(placement, placement.slotOf(group))
    assert(registrar, 'every dataset of the policy has registrars')
    return registrar
  }

  registrarOfSlot({ id }: Placement, slot: Slot): Registrar | undefined {
    return registrarOf(this.#options.record(), id, slot)
  }

  /** Who was registrar before a change of the policy that has named another one. */
  registrarBefore({ id }: Placement, slot: Slot): RegionId | undefined {
    return registrarBefore(this.#options.record(), id, slot)
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
    try {
      const replies = await this.#askNow(region, {
        ...call,
        groups: waiting.map(({ group }) => group),
      })
      for (const [index, { resolve }] of waiting.entries()) resolve(replies[index] ?? null)
    } catch (error) {
      for (const { reject } of waiting) reject(error)
    }
  }

  /** Throws `registrar_unavailable`. Who asks a registrar again is answered the same. */
  async #askNow(region: RegionId, request: RegistrarCall): Promise<(GroupHome | null)[]> {
    const { self, table, relays } = this.#options
    try {
      if (region === self) return await this.answer(self, request)
      const placement = table().byId(request.dataset)
      assert(placement, 'a registrar is asked about a dataset of the policy')
      const { reply } = await relays.ask(placement, region, 'registrar', request)
      const replies = repliesSchema.parse(reply)
      assert(replies.length === request.groups.length, 'a registrar answers each group')
      return replies
    } catch (error) {
      const lost = unanswered(error)
      throw lost ? unavailable(region, lost.reason) : error
    }
  }

  /** This region as registrar: answers claims and look-ups, its own among them. */
  async answer(from: RegionId, body: unknown): Promise<(GroupHome | null)[]> {
    const { record, regions, shards } = this.#options
    const { isInPlace, ...request } = registrarAsked(body)
    const { dataset, groups } = request
    const member: Member | undefined = record().members[from]
    if (!member) throw new DenizenError('stale_policy', 'a region that this record does not know')
    const placement = placementAsked(this.#options, from, dataset, isInPlace)
    const byStore = new Map<number, number[]>()
    groups.forEach((group, index) => {
      this.#refuseUnlessRegistrar(placement, group, request)
      const store = shards.storeOfSlot(dataset, placement.slotOf(group))
      const indexes = byStore.get(store)
      if (indexes) indexes.push(index)
      else byStore.set(store, [index])
    })
    if (request.kind !== 'inherit') await this.#inherit(placement, request)
    const replies: (GroupHome | null)[] = groups.map(() => null)
    const claimant = { region: regions().numberOf(from), feed: memberFeed(member) }
    await Promise.all(
      [...byStore].map(async ([store, indexes]) => {
        const some = indexes.map(index => groups[index] as string)
        const answers = await this.#inStore(request, store, some, claimant)
        answers.forEach((home, n) => {
          replies[indexes[n] as number] = home
        })
      }),
    )
    return replies
  }

  #refuseUnlessRegistrar(
    placement: Placement,
    group: string,
    { kind, epoch }: RegistrarCall,
  ): void {
    const { self } = this.#options
    const registrar = this.registrarOf(placement, group)
    const isMeant =
      kind === 'inherit'
        ? this.registrarBefore(placement, placement.slotOf(group)) === self
        : registrar.region === self && registrar.epoch === epoch
    if (isMeant) return
    throw new DenizenError('stale_policy', 'this region is not the registrar at that epoch')
  }

  /**
   * Until all that the registrar before has granted is here, it is asked about each group: it
   * grants nothing any more, so that what it says stays so.
   */
  async #inherit(placement: Placement, { groups, epoch, dataset }: RegistrarCall): Promise<void> {
    const { self, record, shards } = this.#options
    if (record().next?.phase !== 'copy') return
    const before = Map.groupBy(groups, group =>
      this.registrarBefore(placement, placement.slotOf(group)),
    )
    for (const [region, some] of before) {
      if (region === undefined || region === self) continue
      const call = { dataset, epoch, kind: 'inherit', groups: some } as const
      const homes = (await this.#askNow(region, call)).flatMap((home, index) =>
        home ? [{ group: some[index] as string, home }] : [],
      )
      const byStore = Map.groupBy(homes, ({ group }) =>
        shards.storeOfSlot(dataset, placement.slotOf(group)),
      )
      for (const [store, of] of byStore) {
        await shards.callStore(dataset, store, 'inheritHomes', { homes: of })
      }
    }
  }

  async #inStore(
    { dataset, epoch, kind, fromTerm }: RegistrarCall,
    store: number,
    groups: readonly string[],
    claimant: Pick<GroupHome, 'region' | 'feed'>,
  ): Promise<readonly (GroupHome | null)[]> {
    const { shards } = this.#options
    if (kind === 'lookup' || kind === 'inherit')
      return await shards.callStore(dataset, store, 'lookup', { groups })
    if (kind === 'claim') {
      const over = fromTerm === undefined ? {} : { over: fromTerm }
      const claims = groups.map(group => ({ group, ...claimant, ...over }))
      return await shards.callStore(dataset, store, 'claim', { epoch, claims })
    }
    if (fromTerm === undefined) throw new DenizenError('bad_request', 'a move follows a term')
    const moves = groups.map(group => ({ group, fromTerm, ...claimant }))
    return await shards.callStore(dataset, store, 'moveHomes', { epoch, moves })
  }
}

/** What a message `registrar` asks for, and whether a placement is that of all of it. */
export function registrarAsked(body: unknown) {
  const request = requestSchema.parse(body)
  const isInPlace = (asked: Placement): boolean =>
    request.groups.every(group => asked.hasGroup(group))
  return { ...request, isInPlace }
}

const unavailable = (region: RegionId, reason: string): DenizenError =>
  new DenizenError('registrar_unavailable', `the registrar is ${region}: ${reason}`, {
    extra: { registrar: region },
  })
