/** What operators ask of the keeper, from any region: acts that change the cluster record. */
import { z } from 'zod'
import { DenizenError } from '../model/errors.ts'
import type { RegionId } from '../model/slot.ts'
import type { ClusterRecord } from './cluster-record.ts'
import type { HeldRecord } from './held-record.ts'
import type { Keeper } from './keeper.ts'

export interface KeeperActsOptions {
  readonly self: RegionId
  readonly held: HeldRecord
  /** Of this region: it changes the record where this region is the keeper. */
  readonly keeper: Keeper
  readonly regions: () => readonly RegionId[]
  readonly keeperOf: () => RegionId
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
    const { self, held, keeperOf, call } = this.#options
    const keeper = keeperOf()
    if (keeper === self) return await this.answer(name, body)
    const reply = await call(keeper, name, body).catch((error: unknown) => {
      if (error instanceof DenizenError) throw error
      throw new DenizenError('coordinator_unavailable', `the keeper is ${keeper}`, { cause: error })
    })
    await held.learn(reply, keeper)
    if (held.current) return held.current
    throw new DenizenError('coordinator_unavailable', 'this region has no cluster record yet')
  }

  /** At the keeper. */
  async answer(name: string, body: unknown): Promise<ClusterRecord> {
    const { keeper, regions } = this.#options
    if (name === 'coordination.finalize') return await keeper.finalize(regions())
    if (name === 'coordination.receiptKey') {
      return await keeper.receiptKey(receiptKeySchema.parse(body).rotate)
    }
    throw new DenizenError('bad_request', 'coordination has no such call')
  }
}
