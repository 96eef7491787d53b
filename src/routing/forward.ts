/**
 * Forwarding between regions: operations go out as CBOR, gathered per turn of the event loop and
 * target; step results come back. Both ends check residency by themselves: an operation is sent only
 * to a region that may store the dataset, and answered only to one that may store or serve it.
 */
import { z } from 'zod'
import type { Operation } from '../execution/operation.ts'
import type { SeenPoints } from '../execution/operations/read.ts'
import { assert } from '../model/assert.ts'
import { DenizenError, errorKinds } from '../model/errors.ts'
import { limits, timing } from '../model/limits.ts'
import type { Placement, PlacementTable } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import { PeerFailure } from '../peers/peers.ts'
import {
  bytesSchema,
  homeSchema,
  keySchema,
  seenPointsSchema,
  versionSchema,
  wireErrorSchema,
} from '../protocol/schemas.ts'
import type { Role } from './decide.ts'
import type { LocalExecution, StepResult } from './local-execution.ts'

const wantedSchema = z.union([versionSchema, z.literal('*')])
const preconditionSchema = z.strictObject({
  ifMatch: wantedSchema.exactOptional(),
  ifNoneMatch: wantedSchema.exactOptional(),
})
const operationSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('get'), key: keySchema }),
  z.strictObject({
    kind: z.literal('put'),
    key: keySchema,
    value: bytesSchema,
    mediaType: z.string(),
    precondition: preconditionSchema,
  }),
  z.strictObject({ kind: z.literal('delete'), key: keySchema, precondition: preconditionSchema }),
])
const requestSchema = z.strictObject({
  dataset: z.string(),
  steps: z.array(
    z.strictObject({
      operation: operationSchema,
      as: z.enum(['home', 'candidate', 'copy']),
      seen: seenPointsSchema,
    }),
  ),
})

const pointSchema = z.strictObject({ slot: z.int(), feed: z.int(), position: z.int().min(0) })
const receiptSchema = z.strictObject({
  home: z.string().exactOptional(),
  servedBy: z.string(),
  role: z.enum(['home', 'replica']),
  stalenessMs: z.number().min(0).exactOptional(),
})
const outcomeSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('found'),
    version: versionSchema,
    mediaType: z.string(),
    value: bytesSchema,
    receipt: receiptSchema,
  }),
  z.strictObject({ kind: z.literal('absent'), receipt: receiptSchema }),
  z.strictObject({
    kind: z.literal('written'),
    version: versionSchema,
    created: z.boolean(),
    receipt: receiptSchema,
  }),
  z.strictObject({ kind: z.literal('deleted'), version: versionSchema, receipt: receiptSchema }),
  z.strictObject({
    kind: z.literal('failed'),
    error: wireErrorSchema.transform(wire => DenizenError.fromWire(wire)),
    receipt: receiptSchema.exactOptional(),
  }),
])
const replySchema = z.array(
  z.discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('done'),
      outcome: outcomeSchema,
      home: homeSchema.exactOptional(),
      point: pointSchema.exactOptional(),
    }),
    z.strictObject({ kind: z.literal('elsewhere'), home: homeSchema }),
    z.strictObject({ kind: z.literal('behind'), home: homeSchema.exactOptional() }),
    z.strictObject({ kind: z.literal('unclaimed') }),
  ]),
)

interface Step {
  readonly operation: Operation
  readonly as: Role
  readonly seen: SeenPoints
}

interface Bundle {
  readonly region: RegionId
  readonly dataset: string
  readonly steps: Step[]
  readonly settle: ((result: StepResult | PeerFailure) => void)[]
  bytes: number
}

/** Bytes of values that go in one message, beyond the first operation. */
const BUNDLE_BYTES_MAX = 1024 * 1024

export interface ForwarderOptions {
  readonly self: RegionId
  readonly table: () => PlacementTable
  readonly local: LocalExecution
  readonly call: (
    region: RegionId,
    name: string,
    body: unknown,
    options: { timeoutMs: number },
  ) => Promise<unknown>
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
    operation: Operation,
    as: Role,
    seen: SeenPoints,
  ): Promise<StepResult | PeerFailure> {
    assert(placement.mayStore(region), 'operations are forwarded to regions that may store')
    return new Promise(resolve => {
      const name = `${region} ${placement.id}`
      const bundle = this.#bundles.get(name) ?? {
        region,
        dataset: placement.id,
        steps: [],
        settle: [],
        bytes: 0,
      }
      if (this.#bundles.size === 0) setImmediate(() => this.#flush())
      this.#bundles.set(name, bundle)
      bundle.steps.push({ operation, as, seen })
      bundle.settle.push(resolve)
      bundle.bytes += operation.kind === 'put' ? operation.value.length : 0
      if (bundle.bytes > BUNDLE_BYTES_MAX || bundle.steps.length >= limits.batchOpsMax) {
        this.#bundles.delete(name)
        void this.#send(bundle)
      }
    })
  }

  #flush(): void {
    const bundles = [...this.#bundles.values()]
    this.#bundles = new Map()
    for (const bundle of bundles) void this.#send(bundle)
  }

  async #send({ region, dataset, steps, settle }: Bundle): Promise<void> {
    try {
      const body = await this.#options.call(
        region,
        'execute',
        { dataset, steps },
        { timeoutMs: timing.callTimeoutMs },
      )
      const results: StepResult[] = replySchema.parse(body)
      assert(results.length === steps.length, 'a region answers each step')
      for (const [index, result] of results.entries()) settle[index]?.(result)
    } catch (error) {
      const result: StepResult | PeerFailure =
        error instanceof PeerFailure
          ? error
          : { kind: 'done', outcome: { kind: 'failed', error: asDenizenError(error) } }
      for (const one of settle) one(result)
    }
  }

  /** Answers another region's `execute`. */
  async answer(from: RegionId, body: unknown): Promise<unknown> {
    const { self, table, local, onViolation } = this.#options
    const { dataset, steps } = requestSchema.parse(body)
    const placement = table().byId(dataset)
    if (!placement) throw new DenizenError('stale_policy', 'no such dataset under this policy')
    if (!placement.mayStore(self) || !(placement.mayStore(from) || placement.mayServe(from))) {
      onViolation()
      throw new DenizenError('residency_violation', `${from} asked ${self} for a dataset`)
    }
    const results = await Promise.all(
      steps.map(({ operation, as, seen }) => local.run(placement, operation, as, seen)),
    )
    return results.map(toWire)
  }
}

const toWire = (result: StepResult): unknown =>
  result.kind === 'done' && result.outcome.kind === 'failed'
    ? { ...result, outcome: { ...result.outcome, error: result.outcome.error.toWire() } }
    : result

const asDenizenError = (error: unknown): DenizenError =>
  error instanceof DenizenError
    ? error
    : new DenizenError('internal', errorKinds.internal.title, { cause: error })
