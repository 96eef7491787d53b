/**
 * Takes a change of the policy from phase to phase, at the keeper: it asks every region whether it
 * has come to the end of the phase, and once all of them have, puts the next one into the record.
 * It remembers nothing that matters: a keeper that starts again goes on from its record.
 */
import { type ClusterRecord, policyStep } from '../coordination/cluster-record.ts'
import type { Keeper } from '../coordination/keeper.ts'
import { assert } from '../model/assert.ts'
import { DenizenError } from '../model/errors.ts'
import { timing } from '../model/limits.ts'
import type { Phase } from '../model/policy-change.ts'
import type { RegionId } from '../model/slot.ts'
import { type PeerCall, PeerFailure } from '../peers/peers.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/log.ts'
import { type Progress, progressSchema } from './policy-messages.ts'

export interface PolicyDriverOptions {
  readonly self: RegionId
  readonly keeper: Keeper
  readonly record: () => ClusterRecord
  /** This region's own answer. */
  readonly answer: (from: RegionId, body: unknown) => Promise<unknown>
  readonly call: PeerCall
  readonly clock: Clock
  readonly log: Logger
}

export interface RegionProgress {
  readonly region: RegionId
  readonly done: boolean
  readonly waitsFor?: string
}

export class PolicyDriver {
  readonly #options: PolicyDriverOptions
  #progress: readonly RegionProgress[] = []
  #cancel: () => void = () => {}
  #stopped = false

  constructor(options: PolicyDriverOptions) {
    this.#options = options
  }

  start(): void {
    this.#again()
  }

  stop(): void {
    this.#stopped = true
    this.#cancel()
  }

  /** What each region has said last of the phase under way. */
  progress(): readonly RegionProgress[] {
    return this.#options.record().next ? this.#progress : []
  }

  #again(): void {
    if (this.#stopped) return
    const { clock } = this.#options
    this.#cancel = clock.after(timing.policyLookMs, () => {
      void this.#look().then(() => this.#again())
    })
  }

  async #look(): Promise<void> {
    const { self, keeper, record, log } = this.#options
    const { current, next } = record()
    if (!next || current.keeper !== self) return
    const regions = [...new Set([...current.regions, ...next.policy.regions].map(({ id }) => id))]
    const answers = await Promise.all(regions.map(region => this.#ask(region)))
    this.#progress = answers.map(({ region, done, waitsFor }) => ({
      ...{ region, done },
      ...(waitsFor !== undefined && { waitsFor }),
    }))
    if (this.#stopped || answers.some(({ done }) => !done)) return
    const leftCopies = answers.flatMap(answer => answer.leftCopies)
    const { phase, policyEpoch } = next
    this.#progress = []
    const changed = await keeper.endPhase({ phase, policyEpoch }, leftCopies)
    const now: Phase | 'in force' = changed.next?.phase ?? 'in force'
    log.info('the policy changes', { policyEpoch, ended: phase, now })
  }

  async #ask(region: RegionId): Promise<Progress & { readonly region: RegionId }> {
    const { self, answer, call, record } = this.#options
    const body = { kind: 'progress', ...policyStep(record()) }
    try {
      const reply =
        region === self
          ? await answer(self, body)
          : await call(region, 'policy', body, { timeoutMs: timing.callTimeoutMs })
      return { region, ...progressSchema.parse(reply) }
    } catch (error) {
      const isExpected = error instanceof DenizenError || error instanceof PeerFailure
      assert(isExpected, 'a region answers, or can not be asked')
      const waitsFor =
        error instanceof PeerFailure
          ? `${region} can not be reached: ${error.reason}`
          : error.message
      return { region, done: false, leftCopies: [], waitsFor }
    }
  }
}
