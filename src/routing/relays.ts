/**
 * The asking side of relays. What can't be asked of a region over this region's own line may be
 * asked by way of a third one, which both reach: once, and of a region that stores the dataset,
 * because a relay sees keys and values. `decide` chooses it, or `ask` by the same rule;
 * relay-answers.ts is the other two sides.
 *
 * The promise behind truthful errors is that of a direct call. `sent: false` means that this region
 * has sent nothing to the relay, or that the relay says so of the line behind it.
 */
import { z } from 'zod'
import { limits, timing } from '../model/limits.ts'
import type { Placement } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import { type CallOptions, type PeerCall, PeerFailure } from '../peers/peers.ts'
import type { Clock } from '../runtime/clock.ts'
import type { DeadEnds } from './dead-ends.ts'
import { relayTo, type Topology } from './decide.ts'
import type { Detour } from './receipt.ts'
import { Declined, unanswered } from './unanswered.ts'

const passedSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('answered'), reply: z.unknown() }),
  z.strictObject({ kind: z.literal('unanswered'), sent: z.boolean(), reason: z.string() }),
  z.strictObject({ kind: z.literal('declined'), reason: z.string() }),
])
/** What a relay answers; a refusal by either region comes as an error. */
export type Passed = z.infer<typeof passedSchema>

export interface RelaysOptions {
  readonly call: PeerCall
  readonly clock: Clock
  readonly topology: Topology
  readonly deadEnds: DeadEnds
}

export interface Asked {
  readonly reply: unknown
  /** Undefined: it came straight. */
  readonly by?: Detour
}

export class Relays {
  readonly #options: RelaysOptions

  constructor(options: RelaysOptions) {
    this.#options = options
  }

  /** Asks a region by way of another. Rejects with `PeerFailure`, or an error of either. */
  async through(
    relay: RegionId,
    to: RegionId,
    name: string,
    body: unknown,
    options: CallOptions,
  ): Promise<Asked> {
    const { call, clock, deadEnds } = this.#options
    const startMs = clock.monotonicMs()
    const message = { to, timeoutMs: options.timeoutMs, body }
    const passed = await call(relay, `relay.${name}`, message, options).then(
      reply => passedSchema.parse(reply),
      (error: unknown): Passed => unansweredPass(error),
    )
    switch (passed.kind) {
      case 'answered':
        return { reply: passed.reply, by: { relay, tookMs: clock.monotonicMs() - startMs } }
      case 'declined':
        throw new Declined(passed.reason)
      case 'unanswered':
        deadEnds.add(relay, to)
        throw new PeerFailure(passed.sent, passed.reason)
    }
  }

  /**
   * Asks a region, or else by way of others, all within the time of one call. For what may be asked
   * twice: a line that was silent may have carried the question. Rejects as `through`.
   */
  async ask(placement: Placement, to: RegionId, name: string, body: unknown): Promise<Asked> {
    const { call, clock, topology } = this.#options
    const endMs = clock.monotonicMs() + timing.callTimeoutMs
    const reasons: string[] = []
    let sent = false
    const tried = new Set<RegionId>()
    let relay = topology.reachable(to) ? undefined : relayTo(to, placement, topology)
    for (;;) {
      const options = { timeoutMs: endMs - clock.monotonicMs() }
      try {
        if (relay !== undefined) return await this.through(relay, to, name, body, options)
        return { reply: await call(to, name, body, options) }
      } catch (error) {
        const lost = unanswered(error)
        if (!lost) throw error
        sent ||= lost.sent
        reasons.push(relay === undefined ? lost.reason : byWayText(relay, lost))
        if (lost instanceof Declined) throw new PeerFailure(sent, reasons.join('; '))
      }
      if (relay !== undefined) tried.add(relay)
      relay = relayTo(to, placement, untried(topology, tried))
      if (relay === undefined || clock.monotonicMs() >= endMs) {
        throw new PeerFailure(sent, reasons.join('; '))
      }
    }
  }
}

/** A relay that declines is of no use, as one that is not reached; another may be. */
function unansweredPass(error: unknown): Passed {
  const lost = unanswered(error)
  if (!lost) throw error
  return { kind: 'unanswered', sent: lost.sent, reason: lost.reason }
}

export const byWayText = (relay: RegionId, { reason }: PeerFailure): string =>
  `by way of ${relay}: ${reason}`

/** For one request: relays that have failed it are not tried again, nor are many. */
export const untried = (topology: Topology, tried: ReadonlySet<RegionId>): Topology => ({
  ...topology,
  passes: (relay, to) =>
    tried.size < limits.relaysTriedMax && !tried.has(relay) && topology.passes(relay, to),
})
