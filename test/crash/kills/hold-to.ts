/** What a read says binds the store as an acknowledged write does. */
import type { Version } from '../../../src/model/version.ts'
import type { Reply } from '../../cluster/region-client.ts'
import { type OwnKey, versionOf } from '../../cluster/writers.ts'

export interface Held {
  readonly value: string
  readonly version: Version
}

/** `undefined`: the key is absent. */
export const heldBy = (reply: Reply): Held | undefined =>
  reply.status === 200
    ? { value: reply.body.toString(), version: versionOf(`${reply.headers.etag}`) }
    : undefined

/**
 * Forgets the attempts on a key but for the one that was read, which counts as acknowledged from
 * now on: a later restart must neither lose it, nor bring back what it has replaced, nor apply one
 * whose outcome was unknown and which was not there.
 */
export function holdTo({ attempts }: OwnKey, held: Held | undefined): void {
  const wasWritten = attempts.length > 0
  attempts.length = 0
  if (held) attempts.push({ ...held, outcome: 'acknowledged' })
  else if (wasWritten) {
    attempts.push({ value: undefined, version: undefined, outcome: 'acknowledged' })
  }
}
