/** What a transaction has to be before anything runs: checked where it enters and where it runs. */
import { DenizenError } from '../model/errors.ts'
import type { Key } from '../model/key.ts'
import { limits } from '../model/limits.ts'
import type { Placement } from '../model/placement.ts'
import type { Transaction, TransactionStep } from './operation.ts'

/** Of its conditions and of both branches. */
export const transactionKeys = ({ conditions, success, failure }: Transaction): Key[] =>
  [...conditions, ...success, ...failure].map(({ key }) => key)

/** Throws `outside_group`, `bad_request`, `too_large`. */
export function checkTransaction(placement: Placement, transaction: Transaction): void {
  const { key: group, conditions, success, failure } = transaction
  if (placement.groupOf(group) !== group) {
    throw new DenizenError('outside_group', 'the path goes on behind the group')
  }
  for (const key of transactionKeys(transaction)) {
    if (placement.groupOf(key) === group && placement.hasKey(key)) continue
    throw new DenizenError('outside_group', 'a key belongs to another group than the path names')
  }
  for (const list of [conditions, success, failure]) {
    if (list.length > limits.transactionOpsMax) throw tooLarge('transactionOpsMax')
  }
  let compared = 0
  for (const { value } of conditions) compared += value?.bytes.length ?? 0
  if (compared > limits.transactionBytesMax) throw tooLarge('transactionBytesMax')
  checkBranch(success)
  checkBranch(failure)
}

function checkBranch(steps: readonly TransactionStep[]): void {
  const written = new Set<string>()
  let bytes = 0
  for (const step of steps) {
    if (step.kind === 'get') continue
    if (step.kind === 'put') bytes += step.value.length
    if (written.has(step.key)) {
      throw new DenizenError('bad_request', 'one branch of a transaction writes a key twice')
    }
    written.add(step.key)
  }
  if (bytes > limits.transactionBytesMax) throw tooLarge('transactionBytesMax')
}

const tooLarge = (limit: 'transactionOpsMax' | 'transactionBytesMax'): DenizenError =>
  new DenizenError('too_large', `a part of the transaction is larger than ${limits[limit]}`, {
    extra: { [limit]: limits[limit] },
  })
