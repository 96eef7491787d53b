/**
 * Records that were found damaged, and their repair from the copies of other regions. A record
 * waits here until it is sound again: because it was repaired, or because its home wrote it anew.
 * Until then it is refused. Runs in the main thread, for all stores of the node.
 */
import { z } from 'zod'
import { DenizenError } from '../model/errors.ts'
import type { Key } from '../model/key.ts'
import { limits, timing } from '../model/limits.ts'
import type { Placement, PlacementTable } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import { type PeerCall, PeerFailure } from '../peers/peers.ts'
import { bytesSchema } from '../protocol/schemas.ts'
import { placementAsked } from '../routing/receive.ts'
import type { ScrubReport } from '../routing/scrub-report.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/log.ts'
import type { ShardClient } from '../storage/shard-client.ts'
import type { CopyOfRecord, RepairReply } from './repair-record.ts'
import type { RepairOperations } from './shard-operations.ts'

const requestSchema = z.strictObject({ dataset: z.string(), key: z.string().min(1) })
export const copySchema = z.discriminatedUnion('state', [
  z.strictObject({
    state: z.literal('sound'),
    bytes: bytesSchema,
    cursors: z.array(z.strictObject({ feed: z.int().min(1), position: z.int().min(0) })),
  }),
  z.strictObject({ state: z.literal(['absent', 'damaged']) }),
])

export interface RepairsOptions {
  readonly self: RegionId
  readonly table: () => PlacementTable
  readonly shards: ShardClient<RepairOperations>
  readonly call: PeerCall
  readonly clock: Clock
  readonly log: Logger
  /** A residency check has refused something. */
  readonly onViolation: () => void
}

interface DamagedRecord {
  readonly dataset: string
  readonly key: string
  /** Its shard has seen that it is. */
  isConfirmed: boolean
}

export class Repairs {
  readonly #options: RepairsOptions
  /** In the order in which they are tried, over and over. */
  readonly #waiting = new Map<string, DamagedRecord>()
  #found = 0
  #repaired = 0
  #running = false
  #stopped = false
  #cancelTimer: (() => void) | undefined

  constructor(options: RepairsOptions) {
    this.#options = options
  }

  counts(): ScrubReport['repairs'] {
    return { found: this.#found, repaired: this.#repaired, waiting: this.#waiting.size }
  }

  /** A record seems damaged. What can't be remembered is found again by the next scrub. */
  onDamaged(dataset: string, key: string): void {
    const name = `${dataset} ${key}`
    if (this.#waiting.has(name) || this.#waiting.size >= limits.repairsWaitingMax) return
    this.#waiting.set(name, { dataset, key, isConfirmed: false })
    if (!this.#cancelTimer) void this.#round()
  }

  stop(): void {
    this.#stopped = true
    this.#cancelTimer?.()
  }

  async #round(): Promise<void> {
    if (this.#running || this.#stopped) return
    this.#running = true
    this.#cancelTimer = undefined
    const batch = [...this.#waiting].slice(0, limits.repairsAtOnce)
    await Promise.all(batch.map(([name, record]) => this.#attempt(name, record)))
    this.#running = false
    if (this.#waiting.size === 0 || this.#stopped) return
    const { clock } = this.#options
    this.#cancelTimer = clock.after(timing.repairIntervalMs, () => void this.#round())
  }

  async #attempt(name: string, record: DamagedRecord): Promise<void> {
    const { log } = this.#options
    let reply: RepairReply = 'unproven'
    try {
      reply = await this.#repair(record)
      if (reply !== 'sound') this.#confirm(record)
    } catch (error) {
      if (!(error instanceof DenizenError)) throw error
      log.warn('a damaged record could not be repaired', { code: error.code })
    }
    this.#waiting.delete(name)
    // Behind all others: what can't be repaired must not keep the rest from it.
    if (reply === 'unproven') this.#waiting.set(name, record)
    if (reply !== 'repaired') return
    this.#repaired += 1
    log.info('a damaged record was repaired', { dataset: record.dataset })
  }

  #confirm(record: DamagedRecord): void {
    if (record.isConfirmed) return
    record.isConfirmed = true
    this.#found += 1
    this.#options.log.error('a record is damaged', { dataset: record.dataset })
  }

  async #repair({ dataset, key }: DamagedRecord): Promise<RepairReply> {
    const { self, table, shards } = this.#options
    const placement = table().byId(dataset)
    if (!placement?.mayStore(self)) return 'sound'
    const others = placement.data.store.filter(region => region !== self)
    const answers = await Promise.all(others.map(region => this.#ask(region, placement, key)))
    const copies = answers.filter(copy => copy !== undefined)
    const slot = placement.slotOf(placement.groupOf(key as Key))
    return await shards.call(dataset, slot, 'repairRecord', { key, copies })
  }

  async #ask(
    region: RegionId,
    { id: dataset }: Placement,
    key: string,
  ): Promise<CopyOfRecord | undefined> {
    try {
      const request = { dataset, key }
      const timeoutMs = timing.callTimeoutMs
      const reply = await this.#options.call(region, 'repair', request, { timeoutMs })
      return copySchema.safeParse(reply).data
    } catch (error) {
      if (error instanceof PeerFailure || error instanceof DenizenError) return undefined
      throw error
    }
  }

  /** Another region asks for this region's copy of a record. */
  async answer(from: RegionId, body: unknown): Promise<CopyOfRecord> {
    const { shards, onViolation } = this.#options
    const { dataset, key } = requestSchema.parse(body)
    const placement = placementAsked(this.#options, from, dataset, asked => asked.hasKey(key))
    if (!placement.mayStore(from)) {
      onViolation()
      throw new DenizenError('residency_violation', `${from} asked for a copy it may not store`)
    }
    const slot = placement.slotOf(placement.groupOf(key as Key))
    return await shards.call(dataset, slot, 'copyOf', { key })
  }
}
