/**
 * Forwarding between regions: operations go out as CBOR, gathered per turn of the event loop and
 * target; step results come back. Both ends check residency by themselves: an operation is sent
 * only to a region that may store the dataset, and answered only to one that may store or serve it.
 * What the target's own line does not carry goes by way of a relay (relays.ts).
 */
import { checkTransaction, transactionKeys } from '../execution/check-transaction.ts'
import type { GroupOperation } from '../execution/operation.ts'
import { assert } from '../model/assert.ts'
import { errorKinds } from '../model/error-kinds.ts'
import { DenizenError } from '../model/errors.ts'
import { limits, timing } from '../model/limits.ts'
import type { Placement, PlacementTable } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import type { PeerCall, PeerFailure } from '../peers/peers.ts'
import { type Tracing, type WayBack, wayBack } from '../runtime/tracing.ts'
import { executeReplySchema, executeRequestSchema } from './execute-messages.ts'
import type { LocalExecution } from './local-execution.ts'
import { byWayOf, type Detour } from './receipt.ts'
import { placementAsked } from './receive.ts'
import type { Asked, Relays } from './relays.ts'
import type { Step, StepResult } from './step.ts'
import { unanswered } from './unanswered.ts'

type Settle = (result: StepResult | PeerFailure) => void

interface Bundle {
  readonly region: RegionId
  readonly relay: RegionId | undefined
  readonly dataset: string
  /** Its writes are answered once other regions have them, too. */
  readonly waits: boolean
  readonly steps: Step[]
  readonly settle: Settle[]
  /** Back into the span of its first operation. */
  readonly wayBack: WayBack
  bytes: number
}

type BundleTarget = Pick<Bundle, 'region' | 'relay' | 'dataset' | 'waits'>

/** Bytes of values that go in one message, beyond the first operation. */
const BUNDLE_BYTES_MAX = 1024 * 1024
/** Bytes of values in one reply: what was read beyond them is asked for again. */
const REPLY_BYTES_MAX = limits.valueBytesMax
/** Reads of one message that run at a time: their values are held in memory together. */
const READS_AT_ONCE = 64

export interface ForwarderOptions {
  readonly self: RegionId
  readonly table: () => PlacementTable
  readonly local: LocalExecution
  readonly call: PeerCall
  readonly relays: Relays
  readonly tracing?: Tracing | undefined
  /** Counts a residency check that had to refuse: a bug, here or at the other end. */
  readonly onViolation: () => void
}

export class Forwarder {
  readonly #options: ForwarderOptions
  #bundles = new Map<string, Bundle>()

  constructor(options: ForwarderOptions) {
    this.#options = options
  }

  /** Runs an operation in another region. Resolves with a `PeerFailure` when no answer came. */
  run(
    region: RegionId,
    placement: Placement,
    step: Step,
    relay?: RegionId,
  ): Promise<StepResult | PeerFailure> {
    assert(placement.mayStore(region), 'operations are forwarded to regions that may store')
    assert(relay === undefined || placement.mayStore(relay), 'relays may store what they see')
    const { operation, acks = placement.acks } = step
    const waits = operation.kind !== 'get' && acks > 1
    return new Promise(resolve =>
      this.#add({ region, relay, dataset: placement.id, waits }, step, resolve),
    )
  }

  #add(to: BundleTarget, step: Step, settle: Settle): void {
    const { operation } = step
    if (operation.kind === 'transaction') {
      // Its reply may be as large as a reply can be.
      void this.#send({ ...this.#newBundle(to), steps: [step], settle: [settle] })
      return
    }
    // What need not wait for other regions does not wait for what has to.
    const name = `${to.region} ${to.relay ?? ''} ${to.dataset} ${to.waits}`
    const bundle = this.#bundles.get(name) ?? this.#newBundle(to)
    if (this.#bundles.size === 0) setImmediate(() => this.#flush())
    this.#bundles.set(name, bundle)
    bundle.steps.push(step)
    bundle.settle.push(settle)
    bundle.bytes += operation.kind === 'put' ? operation.value.length : 0
    if (bundle.bytes > BUNDLE_BYTES_MAX || bundle.steps.length >= limits.batchOpsMax) {
      this.#bundles.delete(name)
      void this.#send(bundle)
    }
  }

  #newBundle(to: BundleTarget): Bundle {
    const back = wayBack(this.#options.tracing)
    return { ...to, steps: [], settle: [], wayBack: back, bytes: 0 }
  }

  #flush(): void {
    const bundles = [...this.#bundles.values()]
    this.#bundles = new Map()
    for (const bundle of bundles) bundle.wayBack(() => void this.#send(bundle))
  }

  async #send({ steps, settle, ...to }: Bundle): Promise<void> {
    try {
      const { reply, by } = await this.#ask(to, {
        dataset: to.dataset,
        steps: steps.map(stepToWire),
      })
      const results: (StepResult | Later)[] = executeReplySchema.parse(reply)
      assert(results.length === steps.length, 'a region answers each step')
      assert(results.length === 0 || results.some(isAnswer), 'a reply answers something')
      results.forEach((result, index) => {
        const [step, one] = [steps[index] as Step, settle[index] as Settle]
        if (!isAnswer(result)) this.#add(to, step, one)
        else one(by ? resultByWayOf(result, by) : result)
      })
    } catch (error) {
      const failed: StepResult = {
        kind: 'done',
        outcome: { kind: 'failed', error: asDenizenError(error) },
      }
      for (const one of settle) one(unanswered(error) ?? failed)
    }
  }

  async #ask({ region, relay, waits }: BundleTarget, body: object): Promise<Asked> {
    const { call, relays } = this.#options
    const options = { timeoutMs: timing.callTimeoutMs + (waits ? timing.acksWaitMaxMs : 0) }
    if (relay !== undefined) return await relays.through(relay, region, 'execute', body, options)
    return { reply: await call(region, 'execute', body, options) }
  }

  /** Answers another region's `execute`. */
  async answer(from: RegionId, body: unknown): Promise<unknown> {
    const { local } = this.#options
    const { dataset, steps, isInPlace } = executionAsked(body)
    const placement = placementAsked(this.#options, from, dataset, isInPlace)
    const run = (step: Step): Promise<StepResult> => {
      if (step.operation.kind === 'transaction') checkTransaction(placement, step.operation)
      return local.run(placement, { ...step, entry: from })
    }
    const isRead = ({ operation }: Step): boolean => operation.kind === 'get'
    const [writes, reads] = await Promise.all([
      Promise.all(steps.filter(step => !isRead(step)).map(run)),
      readsThatFit(steps.filter(isRead), run),
    ])
    const [nextWrite, nextRead] = [writes.values(), reads.values()]
    return steps.map(step => toWire((isRead(step) ? nextRead : nextWrite).next().value ?? later))
  }
}

/** What a message `execute` asks for, and whether a placement is that of all of it. */
export function executionAsked(body: unknown) {
  const { dataset, steps } = executeRequestSchema.parse(body)
  const isInPlace = (asked: Placement): boolean =>
    steps.every(({ operation }) => isPlaced(asked, operation))
  return { dataset, steps, isInPlace }
}

interface Later {
  readonly kind: 'later'
}
const later: Later = { kind: 'later' }
const isAnswer = (result: StepResult | Later): result is StepResult => result.kind !== 'later'

/** Results of the first reads, as many as one reply may hold, and at least one of them. */
async function readsThatFit(
  steps: readonly Step[],
  run: (step: Step) => Promise<StepResult>,
): Promise<StepResult[]> {
  const results: StepResult[] = []
  let bytes = 0
  while (results.length < steps.length) {
    const at = results.length
    for (const result of await Promise.all(steps.slice(at, at + READS_AT_ONCE).map(run))) {
      bytes += valueBytes(result)
      if (bytes > REPLY_BYTES_MAX && results.length > 0) return results
      results.push(result)
    }
  }
  return results
}

/** "Any state will do" is not said: the other region may only be stricter. */
const stepToWire = (step: Step): unknown => (step.seen ? step : { ...step, seen: [] })

/** Whether the placement is that of all that an operation is about. */
const isPlaced = (placement: Placement, operation: GroupOperation): boolean =>
  operation.kind === 'transaction'
    ? placement.hasGroup(operation.key) &&
      transactionKeys(operation).every(key => placement.hasKey(key))
    : placement.hasKey(operation.key)

function resultByWayOf(result: StepResult, by: Detour): StepResult {
  if (result.kind !== 'done' || !result.outcome.receipt) return result
  const receipt = byWayOf(result.outcome.receipt, by)
  return { ...result, outcome: { ...result.outcome, receipt } }
}

const valueBytes = (result: StepResult): number =>
  result.kind === 'done' && result.outcome.kind === 'found' ? result.outcome.value.length : 0

const toWire = (result: StepResult | Later): unknown =>
  result.kind === 'done' && result.outcome.kind === 'failed'
    ? { ...result, outcome: { ...result.outcome, error: result.outcome.error.toWire() } }
    : result

const asDenizenError = (error: unknown): DenizenError =>
  error instanceof DenizenError
    ? error
    : new DenizenError('internal', errorKinds.internal.title, { cause: error })
