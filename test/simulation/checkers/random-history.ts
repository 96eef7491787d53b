/**
 * Histories of a group that works as it should: each operation takes effect at a moment of its own
 * between invocation and return, some answers are lost, some operations with them. And what goes
 * wrong in such a history, at random: whether that breaks a promise is for the checkers to say.
 */
import { assert } from '../../../src/model/assert.ts'
import {
  type History,
  type KeyResult,
  newHeader,
  type Operation,
  type OperationRecord,
  type Result,
  type Step,
} from '../../../src/simulation/history.ts'
import type { SeededRandom } from '../../support/seeded-random.ts'

export interface RandomHistoryOptions {
  readonly clients: number
  readonly operations: number
  /** Of one group. */
  readonly keys: number
  readonly transactions: boolean
  /** Deletions tell their version. */
  readonly deletionsTold: boolean
  /** One in so many answers is lost; 0: none. */
  readonly lossOneIn: number
}

interface Planned {
  readonly client: string
  readonly invokeMs: number
  readonly atMs: number
  readonly returnMs: number
}

interface Cell {
  readonly value: string
  readonly version: string
}

export function randomHistory(random: SeededRandom, options: RandomHistoryOptions): History {
  const planned: Planned[] = []
  const each = Math.ceil(options.operations / options.clients)
  for (let client = 0; client < options.clients; client++) {
    let nowMs = random.below(20)
    for (let n = 0; n < each; n++) {
      const invokeMs = nowMs + random.below(10)
      const atMs = invokeMs + random.unit() * 15
      const returnMs = atMs + random.unit() * 15
      planned.push({ client: `c${client}`, invokeMs, atMs, returnMs })
      nowMs = returnMs + random.below(3)
    }
  }
  planned.sort((a, b) => a.atMs - b.atMs)
  const group = new Group(random, options)
  return { header: newHeader('simulation'), operations: planned.map(plan => group.run(plan)) }
}

class Group {
  readonly #random: SeededRandom
  readonly #options: RandomHistoryOptions
  readonly #cells = new Map<string, Cell>()
  readonly #versions: string[] = ['0.999']
  #seq = 0
  #values = 0

  constructor(random: SeededRandom, options: RandomHistoryOptions) {
    this.#random = random
    this.#options = options
  }

  run({ client, invokeMs, atMs, returnMs }: Planned): OperationRecord {
    const operation = this.#operation()
    const record = { client, entry: 'a', dataset: 'd', group: 'g', operation, invokeMs }
    const { lossOneIn } = this.#options
    if (lossOneIn > 0 && this.#random.oneIn(lossOneIn)) {
      if (this.#random.oneIn(3)) {
        const refused = { kind: 'error', code: 'home_unreachable', applied: 'no' } as const
        return { ...record, returnMs, result: refused }
      }
      if (this.#random.oneIn(2)) this.#apply(operation)
      if (this.#random.oneIn(2)) return { ...record, returnMs: null, result: null }
      const unknown = { kind: 'error', code: 'outcome_unknown', applied: 'unknown' } as const
      return { ...record, returnMs: atMs, result: unknown }
    }
    return { ...record, returnMs, result: this.#apply(operation) }
  }

  #operation(): Operation {
    const random = this.#random
    const key = this.#key()
    const dice = random.below(this.#options.transactions ? 12 : 9)
    if (dice < 4) return { kind: 'get', key, consistency: 'strong' }
    if (dice < 9) {
      const condition = random.below(4)
      const ifMatch = condition === 0 ? random.pick([...this.#versions.slice(-3), '*']) : undefined
      const guards = {
        ...(ifMatch !== undefined && { ifMatch }),
        ...(condition === 1 && { ifNoneMatch: random.pick(['*', this.#versions.at(-1) ?? '*']) }),
      }
      return dice === 8
        ? { kind: 'delete', key, ...guards }
        : { kind: 'put', key, value: this.#value(), ...guards }
    }
    const subject = this.#key()
    const exists = random.oneIn(2)
    return {
      kind: 'tx',
      conditions: random.oneIn(3) ? [] : [{ key: subject, exists }],
      success: this.#steps(),
      failure: this.#steps(),
    }
  }

  #steps(): readonly Step[] {
    const names = Array.from({ length: this.#options.keys }, (_, n) => `g/${n}`)
    return names.flatMap((key): Step[] => {
      const dice = this.#random.below(4)
      if (dice === 0) return [{ op: 'get', key }]
      if (dice === 1) return [{ op: 'put', key, value: this.#value() }]
      return dice === 2 ? [{ op: 'delete', key }] : []
    })
  }

  #apply(operation: Operation): Result {
    if (operation.kind === 'tx') {
      const succeeded = operation.conditions.every(
        ({ key, exists }) => this.#cells.has(key) === exists,
      )
      const seq = this.#seq + 1
      const steps = succeeded ? operation.success : operation.failure
      const results = steps.map(step => this.#step(step, seq))
      return { kind: 'transacted', succeeded, results }
    }
    const current = this.#cells.get(operation.key)
    if (operation.kind === 'get') return this.#step({ op: 'get', key: operation.key }, 0)
    const { ifMatch, ifNoneMatch } = operation
    const is = (wanted: string): boolean =>
      current !== undefined && (wanted === '*' || wanted === current.version)
    if ((ifMatch && !is(ifMatch)) || (ifNoneMatch && is(ifNoneMatch))) {
      return { kind: 'mismatch', current: current?.version ?? null }
    }
    const { kind, key } = operation
    const step: Step =
      kind === 'put' ? { op: 'put', key, value: operation.value } : { op: 'delete', key }
    return this.#step(step, this.#seq + 1)
  }

  #step(step: Step, seq: number): KeyResult {
    const current = this.#cells.get(step.key)
    const version = `0.${seq}`
    if (step.op === 'get') return current ? { kind: 'found', ...current } : { kind: 'absent' }
    if (step.op === 'delete' && !current) return { kind: 'absent' }
    this.#seq = seq
    this.#versions.push(version)
    if (step.op === 'put') {
      this.#cells.set(step.key, { value: step.value, version })
      return { kind: 'written', version, created: current === undefined }
    }
    this.#cells.delete(step.key)
    return this.#options.deletionsTold ? { kind: 'deleted', version } : { kind: 'deleted' }
  }

  readonly #key = (): string => `g/${this.#random.below(this.#options.keys)}`
  readonly #value = (): string => `v${++this.#values}`
}

/** The same history, but for one thing. */
export function withOneChange(random: SeededRandom, history: History): History {
  const operations = [...history.operations]
  const at = random.below(operations.length)
  const record = operations[at]
  assert(record, 'a history has operations')
  operations[at] = changed(random, record, operations)
  return { ...history, operations }
}

function changed(
  random: SeededRandom,
  record: OperationRecord,
  others: readonly OperationRecord[],
): OperationRecord {
  const { result, operation, invokeMs, returnMs } = record
  const donor = random.pick(others).result
  const dice = random.below(5)
  if (dice === 0) {
    const byMs = random.below(120) - 60
    return {
      ...record,
      invokeMs: invokeMs + byMs,
      returnMs: returnMs === null ? null : returnMs + byMs,
    }
  }
  if (operation.kind === 'get' && result && dice < 4) {
    if (donor?.kind === 'found' || donor?.kind === 'absent') return { ...record, result: donor }
  }
  if (result?.kind === 'written' && donor?.kind === 'written' && dice === 1) {
    return { ...record, result: { ...result, version: donor.version } }
  }
  if (result?.kind === 'written' && dice === 2) {
    return { ...record, result: { ...result, created: result.created !== true } }
  }
  if (result?.kind === 'mismatch' && operation.kind === 'put') {
    const seq = 1 + random.below(others.length)
    return { ...record, result: { kind: 'written', version: `0.${seq}` } }
  }
  if (operation.kind !== 'get' && result && dice === 3) {
    return { ...record, result: { kind: 'error', code: 'overloaded', applied: 'no' } }
  }
  return { ...record, returnMs: returnMs === null ? null : Math.max(invokeMs, returnMs - 20) }
}
