/**
 * Requests that a change of the policy came between: what was asked here acts by one phase, and
 * whoever was to carry it out by another. Nothing was applied; a moment later both act by the same.
 */
import type { Operation, Outcome } from '../execution/operation.ts'
import { DenizenError } from '../model/errors.ts'
import { timing } from '../model/limits.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Lists } from './lists.ts'
import type { Router } from './router.ts'
import type { Answer, RequestContext } from './service.ts'

/** What answers by the policy in effect now. */
export interface Answering {
  readonly router: Pick<Router, 'execute' | 'create' | 'transact'>
  readonly lists: Pick<Lists, 'list'>
}

export interface StaleRetriesOptions {
  readonly answering: () => Answering
  readonly clock: Clock
}

export class StaleRetries {
  readonly #options: StaleRetriesOptions

  constructor(options: StaleRetriesOptions) {
    this.#options = options
  }

  async execute(
    dataset: string,
    operations: readonly Operation[],
    context: RequestContext,
  ): Promise<Answer> {
    const answer = await this.#retried(() =>
      this.#options.answering().router.execute(dataset, operations, context),
    )
    return answer.outcomes.some(isStale)
      ? await this.#again(dataset, operations, context, answer)
      : answer
  }

  /** Those operations that have met another policy, until none has, or time is over. */
  async #again(
    dataset: string,
    operations: readonly Operation[],
    context: RequestContext,
    answer: Answer,
  ): Promise<Answer> {
    const { clock, answering } = this.#options
    const untilMs = clock.monotonicMs() + timing.policyRetryMaxMs
    const outcomes = [...answer.outcomes]
    let { session } = answer
    while (outcomes.some(isStale) && clock.monotonicMs() < untilMs) {
      await this.#pause()
      const stale = [...outcomes.keys()].filter(index => isStale(outcomes[index] as Outcome))
      const asked = stale.map(index => operations[index] as Operation)
      const of = session === undefined ? context : { ...context, session }
      const next = await answering().router.execute(dataset, asked, of)
      for (const [at, index] of stale.entries()) outcomes[index] = next.outcomes[at] as Outcome
      session = next.session ?? session
    }
    return { ...answer, outcomes, ...(session !== undefined && { session }) }
  }

  create(...args: Parameters<Router['create']>): ReturnType<Router['create']> {
    return this.#retried(() => this.#options.answering().router.create(...args))
  }

  transact(...args: Parameters<Router['transact']>): ReturnType<Router['transact']> {
    return this.#retried(() => this.#options.answering().router.transact(...args))
  }

  list(...args: Parameters<Lists['list']>): ReturnType<Lists['list']> {
    return this.#retried(() => this.#options.answering().lists.list(...args))
  }

  async #retried<T>(task: () => Promise<T>): Promise<T> {
    const { clock } = this.#options
    const untilMs = clock.monotonicMs() + timing.policyRetryMaxMs
    for (;;) {
      try {
        return await task()
      } catch (error) {
        const isOver = clock.monotonicMs() >= untilMs
        if (isOver || !(error instanceof DenizenError) || error.code !== 'stale_policy') throw error
        await this.#pause()
      }
    }
  }

  #pause(): Promise<void> {
    return new Promise(resolve => void this.#options.clock.after(timing.policyRetryMs, resolve))
  }
}

const isStale = (outcome: Outcome): boolean =>
  outcome.kind === 'failed' && outcome.error.code === 'stale_policy'
