/**
 * What the keeper alone does: it changes the cluster record, one change after the other, each made
 * durable here before anybody hears of it, and then sends it to the regions.
 */
import { DenizenError } from '../model/errors.ts'
import type { Hasher } from '../model/hash.ts'
import type { PolicyData } from '../model/placement.ts'
import type { Phase } from '../model/policy-change.ts'
import type { LeftCopy } from '../model/policy-change-view.ts'
import type { RegionId } from '../model/slot.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Random } from '../runtime/random.ts'
import { ed25519Keys } from '../runtime/signing.ts'
import type { Build } from './build.ts'
import {
  type ClusterRecord,
  hasMember,
  type Joining,
  withDataFormat,
  withMember,
} from './cluster-record.ts'
import { askBuilds, formatToFinalize } from './data-format.ts'
import type { HeldRecord } from './held-record.ts'
import { withChange, withPhaseEnded } from './policy-record.ts'
import { signingKey, withNewReceiptKey } from './receipt-keys.ts'

export interface KeeperOptions {
  readonly self: RegionId
  readonly build: Build
  readonly held: HeldRecord
  readonly hasher: Hasher
  readonly random: Random
  readonly clock: Clock
  readonly call: (region: RegionId, name: string, body: unknown) => Promise<unknown>
}

export class Keeper {
  readonly #options: KeeperOptions

  constructor(options: KeeperOptions) {
    this.#options = options
  }

  /** Joins come together: each is judged on the record that the one before it has left. */
  admit(region: RegionId, change: Joining): Promise<ClusterRecord> {
    return this.#change(record => {
      const member = record.members[region]
      if (!member || (member.nodeId && member.nodeId !== change.nodeId)) {
        throw new DenizenError('bad_request', `region ${region} belongs to another node`)
      }
      return hasMember(record, region, change) ? record : withMember(record, region, change)
    })
  }

  /** All are asked now: what they ran when they joined may have been taken back since. */
  async finalize(regions: readonly RegionId[]): Promise<ClusterRecord> {
    const { self, build, call } = this.#options
    const others = regions.filter(region => region !== self)
    const reports = await askBuilds(others, region => call(region, 'coordination.build', {}))
    return await this.#change(record => {
      const dataFormat = formatToFinalize([{ region: self, build }, ...reports])
      return dataFormat === record.dataFormat ? record : withDataFormat(record, dataFormat)
    })
  }

  /** The record with a key that signs receipts: the one there is, or with `rotate` a new one. */
  receiptKey(rotate: boolean): Promise<ClusterRecord> {
    const { random, clock } = this.#options
    return this.#change(record => {
      if (!rotate && signingKey(record)) return record
      const pair = ed25519Keys(random.bytes(32))
      return withNewReceiptKey(record, pair, Math.floor(clock.wallMs()))
    })
  }

  /**
   * Begins a change of the policy in force. `make` looks at the policy in force, and may refuse.
   * Throws `policy_changing`, `coordinator_unavailable`.
   */
  beginChange(make: (record: ClusterRecord) => PolicyData): Promise<ClusterRecord> {
    const { hasher, clock } = this.#options
    return this.#change(record => {
      if (record.next) {
        throw new DenizenError(
          'policy_changing',
          `the policy is being changed already, and is in the phase ${record.next.phase}`,
        )
      }
      return withChange(record, make(record), hasher, Math.floor(clock.wallMs()))
    })
  }

  /** Ends a phase that every region has come to the end of; once, however often it is said. */
  endPhase(of: EndedPhase, leftCopies: readonly LeftCopy[]): Promise<ClusterRecord> {
    const { clock } = this.#options
    return this.#change(record => {
      const { next } = record
      if (next?.phase !== of.phase || next.policyEpoch !== of.policyEpoch) return record
      return withPhaseEnded(record, { leftCopies, nowMs: Math.floor(clock.wallMs()) })
    })
  }

  #change(change: (record: ClusterRecord) => ClusterRecord): Promise<ClusterRecord> {
    const { held } = this.#options
    return held.inTurn(async () => {
      const record = this.#record()
      const changed = change(record)
      if (changed === record) return record
      const kept = await held.keep(changed)
      this.#send(kept)
      return kept
    })
  }

  /** Who does not get it hears of it with the next ping, and fetches it. */
  #send(record: ClusterRecord): void {
    const { self, call } = this.#options
    for (const region of Object.keys(record.members)) {
      if (region !== self) call(region, 'coordination.learn', record).catch(() => {})
    }
  }

  #record(): ClusterRecord {
    const record = this.#options.held.current
    if (record?.current.keeper === this.#options.self) return record
    throw new DenizenError('coordinator_unavailable', 'this region is not the keeper')
  }
}

export interface EndedPhase {
  readonly policyEpoch: number
  readonly phase: Phase
}
