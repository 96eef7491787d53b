/**
 * The other two sides of relays. A relay passes a call on once, over its own line to the region
 * that is named, and nowhere else; that region answers it as if the origin had asked. So nothing
 * goes round in circles: what is relayed is answered where it arrives.
 *
 * Each side checks residency by itself. The relay lets through what it would answer itself, and to
 * nobody who may not store it; the target hears relays that may store the dataset, and then looks
 * at the origin as it looks at whoever asks.
 */
import { z } from 'zod'
import { assert } from '../model/assert.ts'
import { timing } from '../model/limits.ts'
import type { Placement } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import type { PeerCall } from '../peers/peers.ts'
import { registrarAsked } from './claims.ts'
import { inspectionAsked } from './explain.ts'
import { executionAsked } from './forward.ts'
import { listAsked } from './lists.ts'
import { placementAsked, type ReceiverOptions, refuseUnlessStores } from './receive.ts'
import type { Passed } from './relays.ts'
import { Declined, unanswered } from './unanswered.ts'

/** The longest that any call waits: for its answer, and for other regions to have a write. */
const timeoutMaxMs = timing.callTimeoutMs + timing.acksWaitMaxMs

const relaySchema = z.strictObject({
  to: z.string(),
  timeoutMs: z.number().min(0).max(timeoutMaxMs),
  body: z.unknown(),
})
const relayedSchema = z.strictObject({ origin: z.string(), body: z.unknown() })

interface Subject {
  readonly dataset: string
  /** Whether all that is named lies in the placement. */
  readonly isInPlace: (placement: Placement) => boolean
}

/**
 * The calls that may go by way of a third region, and what each is about. All others are about what
 * two regions do with each other: feeds, moves, repairs, the cluster record.
 */
const subjects: Readonly<Record<string, (body: unknown) => Subject>> = {
  execute: executionAsked,
  registrar: registrarAsked,
  list: listAsked,
  inspect: inspectionAsked,
}

type Answers = Readonly<Record<string, (from: RegionId, body: unknown) => Promise<unknown>>>

export interface RelayAnswersOptions extends ReceiverOptions {
  readonly call: PeerCall
}

/**
 * How this region answers `relay.X` as the relay, and `relayed.X` as the one that is asked, given
 * how it answers each X that comes straight.
 */
export function relayAnswers(options: RelayAnswersOptions, straight: Answers): Answers {
  const answers: Record<string, Answers[string]> = {}
  for (const name of Object.keys(subjects)) {
    answers[`relay.${name}`] = (from, body) => passOn(options, from, name, body)
    answers[`relayed.${name}`] = (from, body) => answerRelayed(options, from, name, body, straight)
  }
  return answers
}

async function passOn(
  options: RelayAnswersOptions,
  origin: RegionId,
  name: string,
  message: unknown,
): Promise<Passed> {
  const { to, timeoutMs, body } = relaySchema.parse(message)
  const { dataset, isInPlace } = subjectOf(name, body)
  const placement = placementAsked(options, origin, dataset, isInPlace)
  refuseUnlessStores(options, placement, to)
  try {
    const reply = await options.call(to, `relayed.${name}`, { origin, body }, { timeoutMs })
    return { kind: 'answered', reply }
  } catch (error) {
    const lost = unanswered(error)
    if (!lost) throw error
    if (lost instanceof Declined) return { kind: 'declined', reason: lost.reason }
    return { kind: 'unanswered', sent: lost.sent, reason: lost.reason }
  }
}

async function answerRelayed(
  options: RelayAnswersOptions,
  relay: RegionId,
  name: string,
  message: unknown,
  straight: Answers,
): Promise<unknown> {
  const { origin, body } = relayedSchema.parse(message)
  const placement = placementAsked(options, relay, subjectOf(name, body).dataset)
  refuseUnlessStores(options, placement, relay)
  const answer = straight[name]
  assert(answer, 'what may be relayed is answered')
  return await answer(origin, body)
}

function subjectOf(name: string, body: unknown): Subject {
  const subject = subjects[name]?.(body)
  assert(subject, 'only calls of the table are relayed')
  return subject
}
