/**
 * Why a key's group lives where it lives: the placement table's reasons, the home as the copies and
 * the registrar know it, and how old each copy is. Regions that may not store are never asked.
 */
import { z } from 'zod'
import type { KnownHome } from '../execution/home.ts'
import { DenizenError } from '../model/errors.ts'
import type { Key } from '../model/key.ts'
import type { Placement, PlacementTable } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import { formatVersion, IMPLICIT_TERM } from '../model/version.ts'
import { homeSchema, keySchema, versionSchema } from '../protocol/schemas.ts'
import type { MoveReason } from '../storage/home-marker.ts'
import type { ShardClient } from '../storage/shard-client.ts'
import type { Claims } from './claims.ts'
import type { Freshness } from './receipt.ts'
import { placementAsked } from './receive.ts'
import type { Relays } from './relays.ts'
import type { ExplainedRegion, Explanation } from './service.ts'
import type { RoutingOperations } from './shard-operations.ts'

const requestSchema = z.strictObject({ dataset: z.string(), key: keySchema })
const reasonSchema = z.strictObject({
  kind: z.enum(['operator', 'access', 'returned', 'policy']),
  writes: z.int().min(0),
  atMs: z.int().min(0),
})
const replySchema = z.strictObject({
  home: homeSchema.exactOptional(),
  /** Why it is the home, where the group was moved. */
  why: reasonSchema.exactOptional(),
  version: versionSchema.exactOptional(),
  stalenessMs: z.number().min(0).exactOptional(),
})
type Inspection = z.infer<typeof replySchema> & {
  /** The region by way of which it was asked. */
  readonly relay?: RegionId
}

export interface ExplainOptions {
  readonly self: RegionId
  readonly table: () => PlacementTable
  readonly shards: ShardClient<RoutingOperations>
  readonly claims: Claims
  readonly freshness: Freshness
  readonly relays: Relays
  readonly onViolation: () => void
}

export class Explain {
  readonly #options: ExplainOptions

  constructor(options: ExplainOptions) {
    this.#options = options
  }

  async explain(dataset: string, key: Key): Promise<Explanation> {
    const table = this.#options.table()
    const placement = table.locate(dataset, key)
    const { data } = placement
    const group = placement.groupOf(key)
    const inspections = new Map(
      await Promise.all(
        data.store.map(
          async (region): Promise<[RegionId, Inspection | undefined]> => [
            region,
            await this.#inspect(region, placement, key),
          ],
        ),
      ),
    )
    const home = await this.#home(placement, group, [...inspections.values()])
    const found = [...inspections.values()].find(it => it?.why && it.home?.term === home?.term)
    const computed = placement.computedHome(group) !== undefined
    return {
      dataset,
      ...(data.prefix !== '' && { partition: data.prefix }),
      group,
      slot: placement.slotOf(group),
      ...(home && {
        home: {
          region: home.region,
          since: home.term === IMPLICIT_TERM ? 'always (computed)' : `term ${home.term}`,
          reason: found?.why ? moveText(home.region, found.why) : reasonOf(placement, home),
          ...(found?.why && { movedAtMs: found.why.atMs }),
        },
      }),
      ...(!computed && { registrar: this.#options.claims.registrarOf(placement, group).region }),
      policyEpoch: table.policyEpoch,
      law: data.law,
      regions: table.data.regions.map(({ id }) =>
        explainRegion(placement, id, inspections.get(id), home),
      ),
    }
  }

  async #home(
    placement: Placement,
    group: string,
    inspections: readonly (Inspection | undefined)[],
  ): Promise<KnownHome | undefined> {
    let best: KnownHome | undefined
    for (const inspection of inspections) {
      const home = inspection?.home
      if (home && (!best || home.term > best.term)) best = home
    }
    if (best) return best
    const computed = placement.computedHome(group)
    if (computed !== undefined) return { region: computed, term: IMPLICIT_TERM }
    const { claims } = this.#options
    try {
      const registered = await claims.lookup(placement, group)
      return registered && claims.known(registered)
    } catch (error) {
      if (error instanceof DenizenError && error.code === 'registrar_unavailable') return undefined
      throw error
    }
  }

  async #inspect(
    region: RegionId,
    placement: Placement,
    key: Key,
  ): Promise<Inspection | undefined> {
    const { self, relays } = this.#options
    if (region === self) return await this.#here(placement, key)
    try {
      const body = { dataset: placement.id, key }
      const { reply, by } = await relays.ask(placement, region, 'inspect', body)
      const inspection = replySchema.parse(reply)
      if (!by) return inspection
      const { stalenessMs } = inspection
      const age = stalenessMs !== undefined && { stalenessMs: stalenessMs + by.tookMs }
      return { ...inspection, ...age, relay: by.relay }
    } catch {
      // Whatever kept it from answering, its copy's state is not known here.
      return undefined
    }
  }

  async #here(placement: Placement, key: Key): Promise<Inspection> {
    const { self, shards, freshness } = this.#options
    const slot = placement.slotOf(placement.groupOf(key))
    // At the time 0 nothing has expired: it is about what the copy holds.
    const request = { key, as: 'copy', seen: null, nowMs: 0 } as const
    const age = freshness.asOf(placement.id, slot)
    const reply = await shards.call(placement.id, slot, 'read', request)
    const home = 'home' in reply ? reply.home : undefined
    const group = placement.groupOf(key)
    const marker = await shards.call(placement.id, slot, 'marker', { group })
    const why = marker && marker.term === home?.term ? marker.why : undefined
    const stalenessMs = home?.region === self ? 0 : age.stalenessMs(home?.region)
    return {
      ...(home && { home }),
      ...(why && { why }),
      ...(reply.kind === 'found' && { version: reply.version }),
      ...(stalenessMs !== undefined && { stalenessMs }),
    }
  }

  /** Answers another region's `inspect`. */
  async answer(from: RegionId, body: unknown): Promise<Inspection> {
    const { dataset, key, isInPlace } = inspectionAsked(body)
    const placement = placementAsked(this.#options, from, dataset, isInPlace)
    return await this.#here(placement, key)
  }
}

/** What a message `inspect` asks for, and whether a placement is that of its key. */
export function inspectionAsked(body: unknown) {
  const { dataset, key } = requestSchema.parse(body)
  return { dataset, key, isInPlace: (asked: Placement): boolean => asked.hasKey(key) }
}

function explainRegion(
  placement: Placement,
  region: RegionId,
  inspection: Inspection | undefined,
  home: KnownHome | undefined,
): ExplainedRegion {
  const forbidden = placement.data.forbidden[region] ?? {}
  const forbids = Object.entries(forbidden).map(([what, why]) => `${what}: ${why}`)
  const rights = {
    region,
    mayHome: placement.mayHome(region),
    mayStore: placement.mayStore(region),
    mayServe: placement.mayServe(region),
    forbids,
  }
  if (!rights.mayStore) return rights
  if (!inspection) return { ...rights, copy: { state: 'unreachable' } }
  const { version, stalenessMs, relay } = inspection
  return {
    ...rights,
    copy: {
      state: home?.region === region ? 'home' : 'replica',
      ...(version && { version: formatVersion(version) }),
      ...(stalenessMs !== undefined && { stalenessMs }),
      ...(relay !== undefined && { relay }),
    },
  }
}

function moveText(home: RegionId, { kind, writes }: MoveReason): string {
  switch (kind) {
    case 'operator':
      return 'an operator moved it here'
    case 'access':
      return `rehome: ${writes} consecutive writes from ${home}`
    case 'policy':
      return `a change of the policy moved it to ${home}`
    case 'returned':
      return 'it was to move, and the next home did not take it over'
  }
}

function reasonOf(placement: Placement, { region, term }: KnownHome): string {
  const { homing, home } = placement.data
  if (term !== IMPLICIT_TERM) return `the first write of the group was claimed for ${region}`
  if (home.length === 1) return `${region} is the only region that may be home`
  switch (homing.kind) {
    case 'pinned':
      return `the policy pins the dataset to ${region}`
    case 'prefix':
      return 'the policy names the home by key prefix'
    case 'hash':
      return 'the policy spreads homes by hash'
    case 'hint':
      return `the server-assigned key names ${region}`
  }
}
