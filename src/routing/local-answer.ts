/** What a read of this region's copy comes to, and whether that is what was asked for. */
import type { KnownHome } from '../execution/home.ts'
import type { FeedPoint, Outcome, Receipt } from '../execution/operation.ts'
import type { ReadReply } from '../execution/operations/read.ts'
import { isWithin } from './receipt.ts'
import type { StepResult, Wanted } from './step.ts'

/** What a read of one key comes to where nothing stands in its way. */
export interface LocalAnswer {
  readonly kind: 'done'
  readonly outcome: Outcome
  readonly home?: KnownHome
  readonly point?: FeedPoint
}

export type PlainReply = Extract<ReadReply, { kind: 'found' | 'absent' }>

export function answerOf(reply: PlainReply, receipt: Receipt): LocalAnswer {
  const { home, point } = reply
  const outcome: Outcome =
    reply.kind === 'absent'
      ? { kind: 'absent', receipt }
      : {
          kind: 'found',
          version: reply.version,
          mediaType: reply.mediaType,
          value: reply.value,
          receipt,
        }
  return { kind: 'done', outcome, ...(home && { home }), ...(point && { point }) }
}

/** What is asked of a copy beside what is read in its store. */
export type Demands = Pick<Wanted, 'hasRest' | 'boundMs'>

/** What is asked of the copy is true of its complete states only. */
export const isOfWhole = ({ hasRest, boundMs }: Demands): boolean =>
  hasRest === true || boundMs !== undefined

/**
 * The answer, unless the copy is older than asked. `oldestMs`: of the copy when it was read, by all
 * feeds that could have brought a change.
 */
export function judged(
  answer: LocalAnswer,
  { hasRest, boundMs }: Demands,
  oldestMs: () => number | undefined,
): LocalAnswer | Extract<StepResult, { kind: 'behind' | 'stale' }> {
  const { receipt } = answer.outcome
  if (!receipt || receipt.role === 'home') return answer
  const home = answer.home && { home: answer.home }
  if (hasRest && oldestMs() === undefined) return { kind: 'behind', ...home }
  if (boundMs === undefined || isWithin(receipt, boundMs)) return answer
  const { stalenessMs } = receipt
  return { kind: 'stale', ...home, ...(stalenessMs !== undefined && { stalenessMs }) }
}
