/** A token that is the same in every run, so that cases which hold it mean the same. */
import type { Scope } from '../../src/access/scope.ts'
import { createToken } from '../../src/access/token.ts'
import type { KnownToken } from '../access/access-world.ts'
import { seededRandom } from '../support/seeded-random.ts'

export async function knownToken(scopes: Scope[]): Promise<KnownToken> {
  const { id, hash, token } = await createToken(seededRandom(7))
  return {
    entry: { id, hash, created: '2026-01-01T00:00:00Z', scopes },
    authorization: `Bearer ${token}`,
  }
}
