/**
 * Changes of the policy as operators ask for them: any node takes the wish, the keeper judges it
 * and takes the change from phase to phase.
 */
import { z } from 'zod'
import { type ClusterRecord, policyDataSchema, policyStep } from '../coordination/cluster-record.ts'
import type { StaticCoordination } from '../coordination/static.ts'
import { DenizenError } from '../model/errors.ts'
import { timing } from '../model/limits.ts'
import type { PolicyData } from '../model/placement.ts'
import { nextPolicy, plain } from '../model/policy-change.ts'
import { type PolicyChangeView, policyChangeViewSchema } from '../model/policy-change-view.ts'
import type { RegionId } from '../model/slot.ts'
import { PolicyDriver } from '../movement/policy-driver.ts'
import { type PeerCall, PeerFailure } from '../peers/peers.ts'
import { applyRefusals, withLeftOut } from '../policy/apply.ts'
import { type Receipt, receiptSchema } from '../receipts/receipt.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/log.ts'
import { policyReceipt } from './policy-receipt.ts'
import type { PeerAnswer } from './serving.ts'

export interface PolicyChangesOptions {
  readonly self: RegionId
  readonly coordination: StaticCoordination
  readonly call: PeerCall
  /** How this node answers the keeper's questions; undefined before it serves. */
  readonly answer: () => PeerAnswer | undefined
  readonly clock: Clock
  readonly log: Logger
}

/** The data format since which all builds know a record with a change in it. */
const CHANGES_FORMAT = 3

const wishSchema = z.strictObject({
  policy: policyDataSchema,
  /** Names of datasets that are not in the policy, and of which nothing is to stay. */
  eraseDatasets: z.array(z.string().min(1)),
})

const requestSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('begin'), wish: z.unknown() }),
  z.strictObject({ kind: z.literal('view') }),
  z.strictObject({ kind: z.literal('receipt') }),
])
type Request = z.infer<typeof requestSchema>

export class PolicyChanges {
  readonly #options: PolicyChangesOptions
  readonly #driver: PolicyDriver

  constructor(options: PolicyChangesOptions) {
    const { self, coordination, call, clock, log } = options
    this.#options = options
    this.#driver = new PolicyDriver({
      ...{ self, call, clock, log, keeper: coordination.keeper },
      record: () => coordination.record(),
      answer: async (from, body) => {
        const answer = options.answer()
        if (!answer) throw new DenizenError('not_ready', `${self} does not serve yet`)
        return await answer(from, body)
      },
    })
  }

  start(): void {
    this.#driver.start()
  }

  stop(): void {
    this.#driver.stop()
  }

  /**
   * Begins a change to a policy that is looked at here for the first time. Throws `bad_request`,
   * `policy_refused`, `policy_changing`, `coordinator_unavailable`.
   */
  async begin(wish: unknown): Promise<PolicyChangeView> {
    return policyChangeViewSchema.parse(await this.#atKeeper({ kind: 'begin', wish }))
  }

  /** How far the change under way is; what the last one has done. */
  async view(): Promise<PolicyChangeView> {
    return policyChangeViewSchema.parse(await this.#atKeeper({ kind: 'view' }))
  }

  /** Throws `not_found` where the policy was never changed. */
  async receipt(): Promise<Receipt> {
    return receiptSchema.parse(await this.#atKeeper({ kind: 'receipt' }))
  }

  /** The call `change` of other regions. */
  async answer(body: unknown): Promise<unknown> {
    return await this.#run(requestSchema.parse(body))
  }

  async #atKeeper(request: Request): Promise<unknown> {
    const { self, coordination, call } = this.#options
    const { keeper } = coordination.record().current
    if (keeper === self) return await this.#run(request)
    try {
      const options = { timeoutMs: timing.callTimeoutMs }
      return await call(keeper, 'change', request, options)
    } catch (error) {
      if (!(error instanceof PeerFailure)) throw error
      throw new DenizenError('coordinator_unavailable', `the keeper is ${keeper}: ${error.reason}`)
    }
  }

  async #run(request: Request): Promise<PolicyChangeView | Receipt> {
    const { coordination, clock } = this.#options
    if (request.kind === 'receipt') {
      const record = await coordination.keeper.receiptKey(false)
      const nowMs = Math.floor(clock.wallMs())
      const receipt = policyReceipt(record, this.#driver.progress(), nowMs)
      if (receipt) return receipt
      throw new DenizenError('not_found', 'the policy has not been changed since the founding')
    }
    if (request.kind === 'begin') {
      const parsed = wishSchema.safeParse(request.wish)
      if (!parsed.success) {
        throw new DenizenError('bad_request', 'the body is no compiled policy of this version')
      }
      const { policy, eraseDatasets } = parsed.data
      await coordination.keeper.beginChange(record => nextOf(record, policy, eraseDatasets))
    }
    return viewOf(coordination.record(), this.#driver)
  }
}

function nextOf(
  { current, dataFormat }: ClusterRecord,
  desired: PolicyData,
  erase: readonly string[],
): PolicyData {
  if (dataFormat < CHANGES_FORMAT) {
    const reason = 'not every node knows what a change of the policy writes'
    throw new DenizenError('policy_refused', `${reason}: see denizen upgrade finalize`)
  }
  const [refusal] = applyRefusals(current, desired, erase)
  if (refusal) throw new DenizenError('policy_refused', `${refusal.reason}. ${refusal.action}`)
  const plainPolicy = { ...desired, placements: desired.placements.map(plain) }
  return nextPolicy(current, withLeftOut(current, plainPolicy, erase))
}

function viewOf(record: ClusterRecord, driver: PolicyDriver): PolicyChangeView {
  const { policyEpoch, next, lastChange } = record
  return {
    policyEpoch,
    ...(next && {
      next: { ...policyStep(record), beganMs: next.beganMs, regions: [...driver.progress()] },
    }),
    ...(lastChange && { lastChange }),
  }
}
