/** What a region answered, in the words of a history. */
import type { Outcome, Receipt, TransactionResult } from '../execution/operation.ts'
import type { DenizenError } from '../model/errors.ts'
import { formatVersion } from '../model/version.ts'
import type { TransactionAnswer } from '../routing/service.ts'
import type * as history from './history.ts'
import { nameOfValue } from './marks.ts'

export function resultOf(outcome: Outcome): history.Result {
  if (outcome.kind === 'failed') return errorOf(outcome.error, outcome.receipt)
  return { ...keyResultOf(outcome), ...receiptOf(outcome.receipt) }
}

export function transactedResult(outcome: TransactionAnswer['outcome']): history.Result {
  if (outcome.kind === 'failed') return errorOf(outcome.error, outcome.receipt)
  const { succeeded, results, receipt } = outcome
  return { kind: 'transacted', succeeded, results: results.map(keyResultOf), ...receiptOf(receipt) }
}

export function errorOf(error: DenizenError, receipt?: Receipt): history.Result {
  const { code, applied, extra } = error
  if (code !== 'version_mismatch') {
    const { version } = extra
    return { kind: 'error', code, applied, ...(typeof version === 'string' && { version }) }
  }
  const current = typeof extra.current === 'string' ? extra.current : null
  return { kind: 'mismatch', current, ...(receipt && receiptOf(receipt)) }
}

function keyResultOf(result: TransactionResult): history.KeyResult {
  switch (result.kind) {
    case 'found': {
      const { version, value } = result
      return { kind: 'found', version: formatVersion(version), value: nameOfValue(value) }
    }
    case 'absent':
      return { kind: 'absent' }
    case 'written':
      return {
        ...{ kind: 'written', version: formatVersion(result.version) },
        created: result.created,
      }
    case 'deleted':
      return { kind: 'deleted', version: formatVersion(result.version) }
  }
}

const receiptOf = ({ home, servedBy, role, relay, stalenessMs }: Receipt): history.Receipt => ({
  ...(home !== undefined && { home }),
  ...{ servedBy, role },
  ...(relay !== undefined && { relay }),
  ...(stalenessMs !== undefined && { stalenessMs }),
})
