/** Lives of values, as callers write them: `Denizen-TTL`, and `ttl` in bodies. */
import { isTtl, parseDuration } from '../model/duration.ts'
import { DenizenError } from '../model/errors.ts'

/** Milliseconds. Throws `bad_request`. */
export function ttlMsOf(text: string): number {
  const ms = isTtl(text) ? parseDuration(text) : undefined
  if (ms !== undefined) return ms
  throw new DenizenError(
    'bad_request',
    'a TTL is a duration above zero such as 500ms, 5s, 10m, 2h or 30d, at most 36500d',
  )
}
