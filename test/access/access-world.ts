/** What the tests of access share: a file in force, tokens in it, and credentials to send. */

import type { Caller, Usage } from '../../src/access/access.ts'
import { AccessControl, type AccessState, stateOf } from '../../src/access/access-control.ts'
import type { AccessFile, TokenEntry } from '../../src/access/access-file.ts'
import type { Scope } from '../../src/access/scope.ts'
import { createToken } from '../../src/access/token.ts'
import { DenizenError } from '../../src/model/errors.ts'
import { systemRandom } from '../../src/runtime/random.ts'
import { type ManualClock, manualClock } from '../support/manual-clock.ts'

export interface KnownToken {
  readonly entry: TokenEntry
  /** What its bearer sends as `Authorization`. */
  readonly authorization: string
}

export async function tokenWith(
  scopes: Scope[],
  more: Pick<TokenEntry, 'expires' | 'rate'> = {},
): Promise<KnownToken> {
  const { id, hash, token } = await createToken(systemRandom)
  return {
    entry: { id, hash, created: '2026-01-01T00:00:00Z', scopes, ...more },
    authorization: `Bearer ${token}`,
  }
}

export interface AccessWorld {
  readonly access: AccessControl
  readonly state: AccessState
  readonly clock: ManualClock
  /** What datasets hold; to be changed by tests. */
  readonly usage: Map<string, Usage>
}

export function accessWith(file: AccessFile, keys?: AccessState['keys']): AccessWorld {
  const clock = manualClock()
  const usage = new Map<string, Usage>()
  const state = stateOf(file, keys)
  const access = new AccessControl({ state, clock, usage: dataset => usage.get(dataset) })
  return { access, state, clock, usage }
}

/** Who is let in with these credentials; or the code and text of the refusal. */
export async function whoIs(
  access: AccessControl,
  authorization: string | undefined,
): Promise<Caller | string> {
  try {
    return await access.authenticate(authorization)
  } catch (error) {
    if (error instanceof DenizenError) return `${error.code}: ${error.message}`
    throw error
  }
}
