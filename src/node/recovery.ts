/**
 * What a node does at the first start after a restore, before it acts as a home or a registrar. The
 * backup is older than what the node told others before it was lost, so it takes back from every
 * region what that holds of its feeds, opens new generations of them, and enters anew the homes of
 * which it is the registrar. All regions have to answer, but those that the operator calls lost.
 *
 * Each step is durable and can be done again: a node that is stopped amid it starts over.
 */
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { z } from 'zod'
import { feedOf, registrarOf } from '../coordination/cluster-record.ts'
import { assert } from '../model/assert.ts'
import { DenizenError } from '../model/errors.ts'
import type { Placement, PlacementTable } from '../model/placement.ts'
import type { Position } from '../model/position.ts'
import type { RegionId, Slot } from '../model/slot.ts'
import { type PeerCall, PeerFailure } from '../peers/peers.ts'
import { allFeedStates } from '../replication/shard-operations.ts'
import { systemClock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/log.ts'
import { syncDirectory } from '../runtime/node-disk.ts'
import { readReplays, withoutDataset } from './erasure-replays.ts'
import type { Identity } from './identity.ts'
import {
  answerToRecovering,
  type FeedPart,
  feedPartsSchema,
  type HomePart,
  homePartsSchema,
  ledgerCall,
  ledgerSchema,
  type RecoveryCall,
  type RecoveryContext,
  type RecoveryRequest,
} from './recovery-answers.ts'
import { ERASURES_FORMAT } from './serving.ts'

/** A region reads a few megabytes of its feeds for one answer. */
const ANSWER_MAX_MS = 10_000
const RETRY_MS = 200

export interface RecoveryOptions {
  readonly self: RegionId
  /** The operator's word that these are lost for good. */
  readonly lost: ReadonlySet<RegionId>
  readonly identity: Identity
  readonly dataDirectory: string
  readonly call: PeerCall
  readonly log: Logger
}

interface Part {
  readonly slot: Slot
  readonly next: Position | null
}

export class Recovery {
  readonly #options: RecoveryOptions
  #waitingFor = 'to recover from a restore'
  #stopped = false

  constructor(options: RecoveryOptions) {
    this.#options = options
  }

  /** Why the node does not serve yet. */
  get waitingFor(): string {
    return this.#waitingFor
  }

  stop(): void {
    this.#stopped = true
  }

  /** Resolves when the node may act as a home again. Rejects with `not_ready` once stopped. */
  async run(context: RecoveryContext): Promise<void> {
    const { identity, log } = this.#options
    await this.#dropForbidden(context.table)
    for (const placement of context.table.placements) {
      if (!placement.mayStore(this.#options.self)) continue
      await this.#replayErasures(context, placement)
      await this.#takeBack(context, placement)
      await this.#enterHomes(context, placement)
    }
    await identity.recovered()
    log.info('the node has recovered from its restore', {})
  }

  /** What the policy in force no longer permits here; the policy of the backup did. */
  async #dropForbidden(table: PlacementTable): Promise<void> {
    const { self, dataDirectory, log } = this.#options
    const folder = join(dataDirectory, 'datasets')
    for (const name of await readdir(folder)) {
      const dataset = decodeURIComponent(name)
      if (table.byId(dataset)?.mayStore(self)) continue
      await rm(join(folder, name), { recursive: true })
      log.warn('a restored dataset was removed: the policy in force forbids it here', { dataset })
    }
    await syncDirectory(folder)
  }

  /**
   * What was erased since the backup was made, before anything of it is shown to anybody. What
   * others have erased and this region's own feed tells comes with that, too; but whoever erased it
   * may be lost, or have been restored itself.
   */
  async #replayErasures(context: RecoveryContext, placement: Placement): Promise<void> {
    const { id: dataset, data } = placement
    const { dataFormat } = context.record()
    if (dataFormat < ERASURES_FORMAT) return
    const replay = async (entries: z.infer<typeof ledgerSchema>): Promise<void> => {
      for (const entry of entries) {
        await context.shards.call(dataset, entry.erasure.slot, 'replayErasure', entry)
      }
    }
    for (const region of this.#others(data.store)) {
      const body = await this.#askOther(region, ledgerCall, { dataset })
      await replay(ledgerSchema.parse(body))
    }
    const kept = await readReplays(this.#options.dataDirectory)
    await replay(kept.filter(entry => entry.dataset === dataset).map(withoutDataset))
  }

  async #takeBack(context: RecoveryContext, placement: Placement): Promise<void> {
    const { shards } = context
    const { id: dataset } = placement
    const from = await ownEnds(context, placement)
    const seen = new Map(from)
    for (const region of this.#others(placement.data.store)) {
      const take = async (part: FeedPart): Promise<void> => {
        const { slot, items } = part
        assert(seen.has(slot), 'a region answers for the slots that it was asked for')
        seen.set(slot, Math.max(seen.get(slot) ?? 0, part.seen))
        if (items.length > 0) await shards.call(dataset, slot, 'takeBack', { slot, items })
      }
      const name = 'recovery.feeds'
      await this.#pull(context, { region, name, dataset, from, schema: feedPartsSchema, take })
    }
    if (!placement.mayHome(context.self)) return
    for (const [slot, position] of seen) {
      await shards.call(dataset, slot, 'reopenFeed', { slot, seen: position })
    }
  }

  async #enterHomes(context: RecoveryContext, placement: Placement): Promise<void> {
    const { self, shards, record } = context
    const { id: dataset, data } = placement
    // Where every home is computed, nobody claims one.
    if (data.homing.kind !== 'hint' || data.home.length === 1) return
    const slots = Array.from({ length: data.slots }, (_, slot) => slot)
    const registered = slots.flatMap(slot => {
      const registrar = registrarOf(record(), dataset, slot)
      return registrar?.region === self ? [{ slot, epoch: registrar.epoch }] : []
    })
    if (registered.length === 0) return
    const from = new Map(registered.map(({ slot }) => [slot, 0]))
    for (const region of [self, ...this.#others(data.home)]) {
      const feed = feedOf(record(), region)
      const take = async ({ slot, groups }: HomePart): Promise<void> => {
        if (groups.length === 0) return
        await shards.call(dataset, slot, 'enterHomes', { region, feed, groups })
      }
      const name = 'recovery.homes'
      await this.#pull(context, { region, name, dataset, from, schema: homePartsSchema, take })
    }
    for (const request of registered) {
      await shards.call(dataset, request.slot, 'skipClaims', request)
    }
  }

  #others(regions: readonly RegionId[]): RegionId[] {
    const { self, lost } = this.#options
    return regions.filter(region => region !== self && !lost.has(region))
  }

  /** Asks a region for all that it has of some slots, from positions on, part by part. */
  async #pull<P extends Part>(
    context: RecoveryContext,
    { region, name, dataset, from, schema, take }: Pull<P>,
  ): Promise<void> {
    const left = new Map(from)
    while (left.size > 0) {
      const slots = [...left].map(([slot, after]) => ({ slot, after }))
      const body: RecoveryRequest = { dataset, slots }
      const parts = schema.parse(await this.#ask(context, region, name, body))
      for (const part of parts) {
        assert(left.has(part.slot), 'a region answers for the slots that it was asked for')
        await take(part)
        if (part.next === null) left.delete(part.slot)
        else left.set(part.slot, part.next)
      }
    }
  }

  /** Asks until the region answers: what it alone holds must not be left behind. */
  async #ask(
    context: RecoveryContext,
    region: RegionId,
    name: RecoveryCall,
    body: RecoveryRequest,
  ): Promise<unknown> {
    const { self } = this.#options
    if (region === self) return await answerToRecovering(context, self, name, body)
    return await this.#askOther(region, name, body)
  }

  async #askOther(region: RegionId, name: string, body: unknown): Promise<unknown> {
    const { self, call } = this.#options
    for (;;) {
      if (this.#stopped) throw new DenizenError('not_ready', 'the node is stopping')
      try {
        return await call(region, name, body, { timeoutMs: ANSWER_MAX_MS })
      } catch (error) {
        if (!(error instanceof PeerFailure || error instanceof DenizenError)) throw error
        this.#waitingFor = `for ${region} to give back what it holds of ${self}: ${error.message}. If it is lost for good, start with --lost ${region}`
        await new Promise<void>(resolve => void systemClock.after(RETRY_MS, resolve))
      }
    }
  }
}

interface Pull<P extends Part> {
  readonly region: RegionId
  readonly name: RecoveryCall
  readonly dataset: string
  /** The slots to ask for, each from behind a position of the feed. */
  readonly from: ReadonlyMap<Slot, Position>
  readonly schema: z.ZodType<readonly P[]>
  readonly take: (part: P) => Promise<void>
}

/** Where this region's own feeds end, of all slots. */
async function ownEnds(
  context: RecoveryContext,
  { id, data }: Placement,
): Promise<Map<Slot, Position>> {
  const feed = feedOf(context.record(), context.self)
  const ends = new Map(Array.from({ length: data.slots }, (_, slot) => [slot, 0]))
  for (const held of await allFeedStates(context.shards, id)) {
    if (held.feed === feed) ends.set(held.slot, held.state.end)
  }
  return ends
}
