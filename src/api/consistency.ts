/** `Denizen-Consistency`, as callers write it. */
import { parseDuration } from '../model/duration.ts'
import { DenizenError } from '../model/errors.ts'
import type { Consistency } from '../routing/service.ts'

/** For the document; durations that are too long to be numbers are refused beside it. */
export const consistencyPattern =
  '^(strong|session|eventual|bounded=(0|[1-9][0-9]{0,15})(ms|s|m|h|d))$'

const boundedPrefix = 'bounded='

/** Throws `bad_request`. */
export function consistencyOf(text: string): Consistency {
  if (text === 'strong' || text === 'session' || text === 'eventual') return text
  const isBounded = text.startsWith(boundedPrefix)
  const boundMs = isBounded ? parseDuration(text.slice(boundedPrefix.length)) : undefined
  if (boundMs !== undefined) return { boundMs }
  throw new DenizenError(
    'bad_request',
    isBounded
      ? 'Denizen-Consistency: a bound is a duration such as 500ms, 5s, 10m, 2h or 30d: bounded=5s'
      : 'Denizen-Consistency is one of strong, session, eventual, or bounded=5s',
  )
}
