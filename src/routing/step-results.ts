/** What stores reply to mutations, as results of steps. */
import type { KnownHome } from '../execution/home.ts'
import type { Receipt } from '../execution/operation.ts'
import type { TransactReply } from '../execution/operations/transact.ts'
import { DenizenError } from '../model/errors.ts'
import { formatVersion, type Version } from '../model/version.ts'
import type { StepResult } from './step.ts'

export function transactedResult(
  reply: TransactReply,
  receiptAt: (home: KnownHome) => Receipt,
): StepResult {
  switch (reply.kind) {
    case 'homeless':
      return { kind: 'unclaimed' }
    case 'elsewhere':
      return reply
    case 'transacted': {
      const { succeeded, results, home, point } = reply
      const receipt = receiptAt(home)
      const outcome = { kind: 'transacted', succeeded, results, receipt } as const
      return { kind: 'done', home, point, outcome }
    }
  }
}

/** `current`: the live version that a precondition met. */
export const mismatch = (current: Version | undefined): DenizenError =>
  current
    ? new DenizenError('version_mismatch', 'the key has another version', {
        extra: { current: formatVersion(current) },
      })
    : new DenizenError('version_mismatch', 'the key does not exist')
