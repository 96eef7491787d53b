/**
 * A client: asks a region, waits for the answer, writes both down. It has a session whose token it
 * takes along wherever it travels, and hears nothing any more of what a dying region was asked.
 */
import type { GroupOperation, Operation } from '../execution/operation.ts'
import { DenizenError } from '../model/errors.ts'
import type { RegionId } from '../model/slot.ts'
import { parseVersion, type Version } from '../model/version.ts'
import type { Consistency } from '../routing/service.ts'
import { errorOf, resultOf, transactedResult } from './answers.ts'
import type * as history from './history.ts'
import { markedValue } from './marks.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { World } from './world.ts'

export interface Asked {
  readonly dataset: string
  readonly group?: string
  readonly operation: history.Operation
}

export interface ClientOptions {
  readonly name: string
  readonly world: World
  readonly random: SeededRandom
  readonly records: history.OperationRecord[]
}

/** From a client to its region, one way, in ms. */
const ACCESS_MS = 2

export class Client {
  readonly #options: ClientOptions
  #token: string | undefined

  constructor(options: ClientOptions) {
    this.#options = options
  }

  /** Resolves with the record, once there is an answer, or none can come any more. */
  async ask(entry: RegionId, asked: Asked): Promise<history.OperationRecord> {
    const { name, world, records } = this.#options
    const invokeMs = world.time.nowMs
    const { operation } = asked
    const sessions = operation.kind !== 'get' || operation.consistency === 'session'
    const common = {
      ...{ client: name, entry, ...asked, invokeMs },
      ...(sessions && { session: name }),
    }
    const { disks } = world
    const result = await this.#answer(
      entry,
      () => this.#run(entry, asked, sessions),
      result => disks.acknowledged(asked.dataset, operation, result),
    )
    const returnMs = result === null ? null : world.time.nowMs
    const record: history.OperationRecord = { ...common, returnMs, result }
    records.push(record)
    return record
  }

  /** One batch: an operation of its own each, with the times of the batch. */
  async askMany(entry: RegionId, batch: readonly Asked[]): Promise<void> {
    const { name, world, records } = this.#options
    const invokeMs = world.time.nowMs
    const answered = await this.#answer(
      entry,
      () => this.#runMany(entry, batch),
      results => {
        for (const [n, { dataset, operation }] of batch.entries()) {
          const result = Array.isArray(results) ? results[n] : results
          if (result) world.disks.acknowledged(dataset, operation, result)
        }
      },
    )
    const returnMs = answered === null ? null : world.time.nowMs
    for (const [index, asked] of batch.entries()) {
      const result = Array.isArray(answered) ? answered[index] : answered
      const common = { client: name, session: name, entry, ...asked, invokeMs }
      records.push({ ...common, returnMs, result: (result ?? null) as history.Result | null })
    }
  }

  /** null: no answer comes. */
  #answer<Result>(
    entry: RegionId,
    run: () => Promise<Result>,
    onAnswer: (result: Result | history.Result) => void,
  ): Promise<Result | history.Result | null> {
    const { world } = this.#options
    const { time } = world
    return new Promise(resolve => {
      time.after(ACCESS_MS, () => {
        const process = world.process(entry)
        if (!process || !world.serving(entry)) {
          const refused = { kind: 'error', code: 'not_ready', applied: 'no' } as const
          time.after(ACCESS_MS, () => resolve(refused))
          return
        }
        const settle = (result: Result | history.Result | null): void => {
          forget()
          if (result === null) {
            resolve(null)
            return
          }
          onAnswer(result)
          time.after(ACCESS_MS, () => resolve(result))
        }
        const forget = world.onDeath(entry, () => settle(null))
        process.enter(() => {
          run().then(
            result => {
              if (process.alive) settle(result)
            },
            (error: unknown) => {
              if (error instanceof DenizenError) settle(errorOf(error))
              else world.complain(entry, `a request failed: ${(error as Error).stack}`)
            },
          )
        })
      })
    })
  }

  async #run(entry: RegionId, asked: Asked, sessions: boolean): Promise<history.Result> {
    const { world } = this.#options
    const [serving, retries] = [world.serving(entry), world.retries(entry)]
    if (!serving || !retries) throw new DenizenError('not_ready', 'the node does not serve')
    const { dataset, operation } = asked
    const first = operation.kind === 'tx' ? (asked.group ?? '') : operation.key
    const admission = serving.router.admit(dataset, first, undefined)
    // As HTTP would: a redirect, and nothing was looked at.
    if (admission.kind !== 'serve') throw new DenizenError('no_serving_region', admission.reason)
    const context = {
      consistency: consistencyOf(operation),
      ...(sessions && this.#token !== undefined && { session: this.#token }),
      ...('acks' in operation && { acks: operation.acks }),
    }
    const todo = operationOf(dataset, operation, asked.group)
    if (todo.kind === 'transaction') {
      const answer = await retries.transact(dataset, todo, context)
      this.#keep(sessions, answer.session)
      return transactedResult(answer.outcome)
    }
    const answer = await retries.execute(dataset, [todo], context)
    this.#keep(sessions, answer.session)
    const [outcome] = answer.outcomes
    if (!outcome) throw new Error('an operation without an outcome')
    return resultOf(outcome)
  }

  async #runMany(entry: RegionId, batch: readonly Asked[]): Promise<history.Result[]> {
    const retries = this.#options.world.retries(entry)
    if (!retries) throw new DenizenError('not_ready', 'the node does not serve')
    const dataset = batch[0]?.dataset ?? ''
    const session = this.#token === undefined ? {} : { session: this.#token }
    const todo = batch.map(({ operation }) => operationOf(dataset, operation, undefined))
    const plain = todo.filter(one => one.kind !== 'transaction')
    const answer = await retries.execute(dataset, plain, {
      ...{ consistency: 'session', ...session },
    })
    this.#keep(true, answer.session)
    return answer.outcomes.map(resultOf)
  }

  #keep(sessions: boolean, token: string | undefined): void {
    if (sessions && token !== undefined) this.#token = token
  }
}

function consistencyOf(operation: history.Operation): Consistency {
  if (operation.kind !== 'get') return 'session'
  const { consistency, boundMs = 0 } = operation
  return consistency === 'bounded' ? { boundMs } : consistency
}

const MEDIA_TYPE = 'text/plain'

/** What the names in a history stand for. */
function operationOf(
  dataset: string,
  operation: history.Operation,
  group: string | undefined,
): GroupOperation {
  switch (operation.kind) {
    case 'get':
      return { kind: 'get', key: operation.key as Operation['key'] }
    case 'put': {
      const { key, value, ttlMs } = operation
      return {
        ...{ kind: 'put', key: key as Operation['key'], mediaType: MEDIA_TYPE },
        ...{ value: markedValue(dataset, value), ...preconditionOf(operation) },
        ...(ttlMs !== undefined && { ttlMs }),
      }
    }
    case 'delete':
      return {
        ...{ kind: 'delete', key: operation.key as Operation['key'] },
        ...preconditionOf(operation),
      }
    case 'tx':
      return {
        ...{ kind: 'transaction', key: (group ?? '') as Operation['key'] },
        conditions: operation.conditions.map(({ key, exists, ifMatch, value }) => ({
          key: key as Operation['key'],
          ...(exists !== undefined && { exists }),
          ...(ifMatch !== undefined && { ifMatch: versionOf(ifMatch) }),
          ...(value !== undefined && {
            value: { bytes: markedValue(dataset, value), mediaType: MEDIA_TYPE },
          }),
        })),
        success: operation.success.map(step => stepOf(dataset, step)),
        failure: operation.failure.map(step => stepOf(dataset, step)),
        ...repeatable(operation),
      }
  }
}

function stepOf(dataset: string, step: history.Step) {
  const key = step.key as Operation['key']
  if (step.op !== 'put') return { kind: step.op, key }
  const value = markedValue(dataset, step.value)
  return { kind: 'put', key, value, mediaType: MEDIA_TYPE } as const
}

const repeatable = ({ idempotencyKey }: { readonly idempotencyKey?: string }) =>
  idempotencyKey === undefined ? {} : { idempotencyKey }

function preconditionOf(operation: history.Put | history.Delete) {
  const { ifMatch, ifNoneMatch } = operation
  const precondition = {
    ...(ifMatch !== undefined && { ifMatch: versionOrAny(ifMatch) }),
    ...(ifNoneMatch !== undefined && { ifNoneMatch: versionOrAny(ifNoneMatch) }),
  }
  return { precondition, ...repeatable(operation) }
}

const versionOrAny = (text: string): Version | '*' => (text === '*' ? '*' : versionOf(text))

function versionOf(text: string): Version {
  const version = parseVersion(text)
  if (!version) throw new Error(`not a version: ${text}`)
  return version
}
