/** Histories made by hand: one line for each operation. */
import { Facts } from '../../../src/simulation/checkers/facts.ts'
import type { Finding } from '../../../src/simulation/checkers/finding.ts'
import {
  type Delete,
  type ErrorResult,
  type Get,
  type History,
  newHeader,
  type OperationRecord,
  type Put,
  type Receipt,
  type Result,
  type Transaction,
} from '../../../src/simulation/history.ts'

/** Invocation and return in ms; null: it never returned. */
export type Times = readonly [number, number | null]

export type Circumstances = Partial<Pick<OperationRecord, 'session' | 'group' | 'principal'>>

const record = (
  operation: OperationRecord['operation'],
  [invokeMs, returnMs]: Times,
  result: Result | null,
  circumstances: Circumstances = {},
): OperationRecord => ({
  ...{ client: 'c', entry: 'a', dataset: 'd', operation, invokeMs, returnMs },
  result: returnMs === null ? null : result,
  ...circumstances,
})

/** `key=value`, under a version. */
export function put(
  text: string,
  times: Times,
  result: string | Result | null,
  more: Partial<Omit<Put, 'kind' | 'key' | 'value'>> & Circumstances = {},
): OperationRecord {
  const [key = '', value = ''] = text.split('=')
  const { session, group, principal, ...rest } = more
  return record(
    { kind: 'put', key, value, ...rest },
    times,
    typeof result === 'string' ? { kind: 'written', version: result } : result,
    circumstancesOf({ session, group, principal }),
  )
}

export function del(
  key: string,
  times: Times,
  result: Result | null = { kind: 'deleted' },
  more: Partial<Omit<Delete, 'kind' | 'key'>> & Circumstances = {},
): OperationRecord {
  const { session, group, principal, ...rest } = more
  const circumstances = circumstancesOf({ session, group, principal })
  return record({ kind: 'delete', key, ...rest }, times, result, circumstances)
}

/** `saw` is `version value`, or `-` for absent. */
export function get(
  key: string,
  times: Times,
  saw: string,
  more: Partial<Omit<Get, 'kind' | 'key'>> & Circumstances & Receipt = {},
): OperationRecord {
  const [version = '', value = ''] = saw.split(' ')
  const { session, group, principal, consistency = 'strong', boundMs, ...receipt } = more
  const found: Result =
    saw === '-' ? { kind: 'absent', ...receipt } : { kind: 'found', version, value, ...receipt }
  return record(
    { kind: 'get', key, consistency, ...(boundMs !== undefined && { boundMs }) },
    times,
    found,
    circumstancesOf({ session, group, principal }),
  )
}

export const tx = (
  operation: Omit<Transaction, 'kind'>,
  times: Times,
  result: Result | null,
  circumstances: Circumstances = {},
): OperationRecord =>
  record({ kind: 'tx', ...operation }, times, result, { group: 'g', ...circumstances })

function circumstancesOf(
  given: {
    readonly [name in keyof Circumstances]: string | undefined
  },
): Circumstances {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

export const refused: ErrorResult = { kind: 'error', code: 'overloaded', applied: 'no' }
export const unknown: ErrorResult = { kind: 'error', code: 'outcome_unknown', applied: 'unknown' }

export const historyOf = (...operations: readonly OperationRecord[]): History => ({
  header: { ...newHeader('simulation'), clocksDifferMs: 0 },
  operations,
})

export const factsOf = (...operations: readonly OperationRecord[]): Facts =>
  new Facts(historyOf(...operations))

export const messages = (findings: readonly Finding[]): readonly string[] =>
  findings.map(({ message }) => message)
