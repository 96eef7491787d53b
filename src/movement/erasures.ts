/**
 * Erasures in one thread of a node: begins one at the group's home, wherever that is, asks regions
 * what has become of it, and sees to it that this region's stores are written anew afterwards, so
 * that their files keep no byte of what was removed. It remembers nothing: the rows say what is to
 * be done (storage/purge.ts), so it goes on after any crash.
 */
import { z } from 'zod'
import type { KnownHome } from '../execution/home.ts'
import type { EraseRequest } from '../execution/operations/erase.ts'
import { DenizenError } from '../model/errors.ts'
import { timing } from '../model/limits.ts'
import type { Placement, PlacementTable } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import { homeSchema } from '../protocol/schemas.ts'
import { atSettledHome, type Moves } from '../routing/between-homes.ts'
import { placementAsked } from '../routing/receive.ts'
import { unanswered } from '../routing/unanswered.ts'
import { compactOperation } from '../storage/engine.ts'
import type { Erasure, Purge } from '../storage/erasure.ts'
import type { GroupHome } from '../storage/row-values.ts'
import { atHome, type Elsewhere, HOMES_ASKED_MAX } from './at-home.ts'
import type { LedgerEntry } from './erasure-rows.ts'
import type { SidesOptions } from './sides.ts'

export interface ErasuresOptions extends SidesOptions {
  readonly table: () => PlacementTable
  readonly moves: Moves
  /** All regions' builds know what an erasure writes. */
  readonly mayErase: () => boolean
  readonly onViolation: () => void
}

const of = { dataset: z.string() }
const text = z.string().min(1)
const requestSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    ...{ kind: z.literal('begin'), ...of, group: text },
    ...{ ifTag: text.exactOptional(), movedTo: text.exactOptional() },
  }),
  z.strictObject({ kind: z.literal('state'), ...of, hash: z.string().min(1) }),
])
type Request = z.infer<typeof requestSchema>

const count = z.int().min(0)
export const erasureSchema: z.ZodType<Erasure> = z.strictObject({
  ...{ slot: count, term: count, feed: z.int().min(1), position: count, atMs: count },
})
const beginReplySchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('erased'), hash: z.string().min(1), erasure: erasureSchema }),
  z.strictObject({ kind: z.literal('changed') }),
  z.strictObject({ kind: z.literal('elsewhere'), home: homeSchema }),
])
type BeginReply = z.infer<typeof beginReplySchema>

const purgeSchema: z.ZodType<Purge> = z.strictObject({
  ...{ keys: count, rows: count, compactedAtMs: count },
})
const stateReplySchema = z.strictObject({
  erasure: erasureSchema.nullable(),
  purge: purgeSchema.nullable(),
})

/** What a region says of an erasure, or why it says nothing. */
export type RegionErasure = { readonly region: RegionId } & (
  | { readonly erasure: Erasure | undefined; readonly purge: Purge | undefined }
  | { readonly failure: string }
)

/** What may be said of an erasure beside the group. */
export type ErasureTerms = Pick<EraseRequest, 'ifTag' | 'movedTo'>

export class Erasures {
  readonly #options: ErasuresOptions
  #looking: Promise<void> | undefined
  #looksAgain = false
  #cancel: () => void = () => {}
  #stopped = false

  constructor(options: ErasuresOptions) {
    this.#options = options
  }

  /** Looks after stores that have to be written anew; once per node. */
  start(): void {
    this.#look()
    this.#cancel = this.#options.clock.after(timing.erasureLookMs, () => {
      if (!this.#stopped) this.start()
    })
  }

  stop(): void {
    this.#stopped = true
    this.#cancel()
  }

  /**
   * Erases a group at its home. Said again, of a group that was not written since, it changes
   * nothing. Throws `version_mismatch` where it is in another state than `ifTag` names,
   * `upgrade_refused`, `home_moving`, `home_unreachable`, `registrar_unavailable`,
   * `outcome_unknown`.
   */
  async erase(placement: Placement, group: string, terms: ErasureTerms = {}): Promise<LedgerEntry> {
    this.#refuseUnlessKnown()
    const { id: dataset } = placement
    const reply = await atHome<Exclude<BeginReply, Elsewhere>>(this.#options, placement, group, {
      here: () => this.#eraseHere(placement, group, terms),
      at: region => this.#askToErase(region, { kind: 'begin', dataset, group, ...terms }),
      what: 'erase',
    })
    if (reply.kind === 'erased') return reply
    throw new DenizenError('version_mismatch', 'the group is not in the state that was named')
  }

  #refuseUnlessKnown(): void {
    if (this.#options.mayErase()) return
    const detail = 'not every node knows what an erasure writes: see denizen upgrade finalize'
    throw new DenizenError('upgrade_refused', detail)
  }

  async #eraseHere(placement: Placement, group: string, terms: ErasureTerms): Promise<BeginReply> {
    const { self, claims, shards, clock } = this.#options
    this.#refuseUnlessKnown()
    let claimed: GroupHome | undefined
    for (let n = 0; n < HOMES_ASKED_MAX; n++) {
      const reply = await atSettledHome(this.#options, placement, group, () => {
        const request = { group, nowMs: clock.wallMs(), ...terms, ...(claimed && { claimed }) }
        return shards.call(placement.id, placement.slotOf(group), 'eraseGroup', request)
      })
      if (reply.kind === 'erased') {
        this.#look()
        return reply
      }
      if (reply.kind !== 'homeless') return reply
      if (!placement.mayHome(self)) {
        throw new DenizenError('stale_policy', `${self} takes no homes of the dataset any more`)
      }
      claimed = await claims.claim(placement, group, reply.over)
      const home: KnownHome = claims.known(claimed)
      if (home.region !== self) return { kind: 'elsewhere', home }
    }
    throw new DenizenError('home_moving', 'who is to be its home could not be settled in time')
  }

  async #askToErase(region: RegionId, request: Request): Promise<BeginReply> {
    const options = { timeoutMs: timing.moveAskedMaxMs }
    return beginReplySchema.parse(await this.#options.call(region, 'erase', request, options))
  }

  /** What each region that may store the dataset says of an erasure. */
  async states(placement: Placement, hash: string): Promise<RegionErasure[]> {
    return await Promise.all(
      placement.data.store.map(region => this.#stateAt(region, placement, hash)),
    )
  }

  async #stateAt(region: RegionId, { id }: Placement, hash: string): Promise<RegionErasure> {
    const { self, call } = this.#options
    const request: Request = { kind: 'state', dataset: id, hash }
    try {
      const options = { timeoutMs: timing.callTimeoutMs }
      const reply =
        region === self
          ? await this.#stateHere(id, hash)
          : await call(region, 'erase', request, options)
      const { erasure, purge } = stateReplySchema.parse(reply)
      return { region, erasure: erasure ?? undefined, purge: purge ?? undefined }
    } catch (error) {
      const lost = unanswered(error)
      if (lost) return { region, failure: lost.reason }
      if (error instanceof DenizenError) return { region, failure: error.message }
      throw error
    }
  }

  /** Answers another region's `erase`. */
  async answer(from: RegionId, body: unknown): Promise<unknown> {
    const request = requestSchema.parse(body)
    const placement = placementAsked(
      this.#options,
      from,
      request.dataset,
      it => request.kind === 'state' || it.hasGroup(request.group),
    )
    if (request.kind === 'state') return await this.#stateHere(placement.id, request.hash)
    const { kind: _, dataset: __, group, ...terms } = request
    return await this.#eraseHere(placement, group, terms)
  }

  async #stateHere(dataset: string, hash: string): Promise<z.infer<typeof stateReplySchema>> {
    const states = await this.#options.shards.callAll(dataset, 'erasureState', { hash })
    const state = states.find(({ erasure }) => erasure !== undefined)
    if (state?.purge?.compactedAtMs === 0) this.#look()
    return { erasure: state?.erasure ?? null, purge: state?.purge ?? null }
  }

  /** One look at a time; one more where it is asked for meanwhile. */
  #look(): void {
    if (this.#looking) {
      this.#looksAgain = true
      return
    }
    this.#looking = this.#compactAll().finally(() => {
      this.#looking = undefined
      if (!this.#looksAgain || this.#stopped) return
      this.#looksAgain = false
      this.#look()
    })
  }

  async #compactAll(): Promise<void> {
    const { shards, table } = this.#options
    for (const { id } of table().placements) {
      for (let store = 0; store < shards.storeCount(id); store++) {
        if (this.#stopped) return
        await this.#compact(id, store).catch((error: unknown) => {
          // There is no room for a second copy now, or the node ends: it is tried again.
          if (!(error instanceof DenizenError)) throw error
        })
      }
    }
  }

  async #compact(dataset: string, store: number): Promise<void> {
    const { shards, clock } = this.#options
    const hashes = await shards.callStore(dataset, store, 'uncompacted', {})
    if (hashes.length === 0) return
    await shards.callStore(dataset, store, compactOperation, {})
    const atMs = Math.floor(clock.wallMs())
    await shards.callStore(dataset, store, 'compacted', { hashes, atMs })
  }
}
