/**
 * What a client of `denizen bench` does next. Half of it is on a few hot keys, where clients meet;
 * the rest is spread over many cold ones.
 */
import type { Random } from '../../runtime/random.ts'

export type Wish =
  | {
      readonly kind: 'get'
      readonly key: string
      readonly consistency: 'strong' | 'session' | 'eventual'
    }
  | {
      readonly kind: 'put'
      readonly key: string
      /** `create`: only if there is none; `match`: only over what this client last saw. */
      readonly guard: 'none' | 'create' | 'match'
      /** It has an idempotency key, and is repeated until it is answered. */
      readonly once: boolean
    }
  | { readonly kind: 'delete'; readonly key: string }

const hotKeys = 8
const coldKeys = 10_000

/** `prefix` is the run's own: nothing was there before. */
export function nextWish(random: Random, prefix: string): Wish {
  const below = (bound: number): number => Math.floor(random.unit() * bound)
  const key = below(2) === 0 ? `${prefix}hot/${below(hotKeys)}` : `${prefix}cold/${below(coldKeys)}`
  const percent = below(100)
  if (percent < 20) return { kind: 'get', key, consistency: 'strong' }
  if (percent < 50) return { kind: 'get', key, consistency: 'session' }
  if (percent < 60) return { kind: 'get', key, consistency: 'eventual' }
  if (percent < 80) return { kind: 'put', key, guard: 'none', once: false }
  if (percent < 84) return { kind: 'put', key, guard: 'none', once: true }
  if (percent < 92) return { kind: 'put', key, guard: 'match', once: false }
  if (percent < 96) return { kind: 'put', key, guard: 'create', once: false }
  return { kind: 'delete', key }
}
