/** Acts of operators: whatever comes of one is in the audit log before it is answered. */
import type { AdministrativeAct } from '../model/administrative-act.ts'
import { DenizenError } from '../model/errors.ts'
import type { Administration } from './administration.ts'
import type { Exchange } from './exchange.ts'

/** Runs an act for the caller, and records it. Throws what `run` throws. */
export async function audited<T>(
  { caller }: Exchange,
  administration: Administration,
  { what, details = {} }: Pick<AdministrativeAct, 'what' | 'details'>,
  run: () => Promise<T>,
): Promise<T> {
  const who = caller.principal
  let result: T
  try {
    result = await run()
  } catch (error) {
    const code = error instanceof DenizenError ? error.code : 'internal'
    const outcome = error instanceof DenizenError && error.status < 500 ? 'refused' : 'failed'
    await administration.record({ who, what, outcome, details: { ...details, code } })
    throw error
  }
  await administration.record({ who, what, outcome: 'done', details })
  return result
}
