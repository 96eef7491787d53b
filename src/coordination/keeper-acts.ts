/** What operators ask of the keeper: acts that change the cluster record, from any region. */
import { z } from 'zod'
import { DenizenError } from '../model/errors.ts'
import type { RegionId } from '../model/slot.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Random } from '../runtime/random.ts'
import { ed25519Keys } from '../runtime/signing.ts'
import type { Build } from './build.ts'
import { type ClusterRecord, withDataFormat } from './cluster-record.ts'
import { askBuilds, formatToFinalize } from './data-format.ts'
import type { HeldRecord } from './held-record.ts'
import { signingKey, withNewReceiptKey } from './receipt-keys.ts'

export interface KeeperActsOptions {
  readonly self: RegionId
  readonly build: Build
  readonly held: HeldRecord
  readonly random: Random
  readonly clock: Clock
  readonly regions: () => readonly RegionId[]
  readonly keeper: () => RegionId
  readonly call: (region: RegionId, name: string, body: unknown) => Promise<unknown>
}

const receiptKeySchema = z.strictObject({ rotate: z.boolean() })

export class KeeperActs {
  readonly #options: KeeperActsOptions

  constructor(options: KeeperActsOptions) {
    this.#options = options
  }

  /**
   * Puts the newest data format in force that the regions' nodes know. Throws `upgrade_refused`
   * while one of them does not know it, or can't be asked; `coordinator_unavailable`.
   */
  finalizeFormat(): Promise<ClusterRecord> {
    return this.#atKeeper('coordination.finalize', {})
  }

  /**
   * The record with a key that signs receipts: the one there is, or with `rotate` a new one. Throws
   * `upgrade_refused` before the format that has them, `coordinator_unavailable`.
   */
  receiptKey(rotate: boolean): Promise<ClusterRecord> {
    return this.#atKeeper('coordination.receiptKey', { rotate })
  }

  async #atKeeper(name: string, body: unknown): Promise<ClusterRecord> {
    const { self, held, keeper: keeperOf, call } = this.#options
    const keeper = keeperOf()
    if (keeper === self) return await this.answer(name, body)
    const reply = await call(keeper, name, body).catch((error: unknown) => {
      if (error instanceof DenizenError) throw error
      throw new DenizenError('coordinator_unavailable', `the keeper is ${keeper}`, { cause: error })
    })
    await held.learn(reply, keeper)
    return this.#record()
  }

  /** At the keeper. */
  async answer(name: string, body: unknown): Promise<ClusterRecord> {
    if (name === 'coordination.finalize') return await this.#finalize()
    if (name === 'coordination.receiptKey') return await this.#key(receiptKeySchema.parse(body))
    throw new DenizenError('bad_request', 'coordination has no such call')
  }

  /** All are asked now: what they ran when they joined may have been taken back since. */
  async #finalize(): Promise<ClusterRecord> {
    const { self, build, held, regions, call } = this.#options
    const others = regions().filter(region => region !== self)
    const reports = await askBuilds(others, region => call(region, 'coordination.build', {}))
    return await held.inTurn(async () => {
      const record = this.#recordAtKeeper()
      const dataFormat = formatToFinalize([{ region: self, build }, ...reports])
      if (dataFormat === record.dataFormat) return record
      return await held.keep(withDataFormat(record, dataFormat))
    })
  }

  #key({ rotate }: z.infer<typeof receiptKeySchema>): Promise<ClusterRecord> {
    const { held, random, clock } = this.#options
    return held.inTurn(async () => {
      const record = this.#recordAtKeeper()
      if (!rotate && signingKey(record)) return record
      const pair = ed25519Keys(random.bytes(32))
      return await held.keep(withNewReceiptKey(record, pair, Math.floor(clock.wallMs())))
    })
  }

  #record(): ClusterRecord {
    const { current } = this.#options.held
    if (current) return current
    throw new DenizenError('coordinator_unavailable', 'this region has no cluster record yet')
  }

  #recordAtKeeper(): ClusterRecord {
    const { self, keeper } = this.#options
    if (keeper() === self) return this.#record()
    throw new DenizenError('coordinator_unavailable', 'this region is not the keeper')
  }
}
