/**
 * The scope of an `Idempotency-Key`: who sent it, and for which group. Its text begins with the
 * group, so that it is placed, sliced and sent as the group is. No group has an empty segment, so
 * the first `//` ends it.
 */
import { assert } from './assert.ts'
import { limits } from './limits.ts'

/** What makes a mutation one that is applied once. */
export interface IdempotencyKey {
  /** Who sent it; empty for callers without a name. Two of them may use the same key. */
  readonly principal: string
  readonly key: string
}

export function idempotencyScope(group: string, { principal, key }: IdempotencyKey): string {
  const named = encodeURIComponent(principal)
  assert(named.length <= limits.principalBytesMax, 'principals are bounded where they are made')
  return `${group}//${named}/${key}`
}

/** The group of a scope; the whole text where it is none. */
export function groupOfScope(scope: string): string {
  const end = scope.indexOf('//')
  return end < 0 ? scope : scope.slice(0, end)
}
