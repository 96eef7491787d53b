/**
 * Whether the caller may ask, and whether this region answers at all: decided on the request line
 * and headers alone.
 */
import { DenizenError } from '../model/errors.ts'
import type { Admission } from '../routing/service.ts'
import { authorizeRoute } from './authorize.ts'
import type { Exchange } from './exchange.ts'

export type Admitted = Extract<Admission, { kind: 'serve' }>

/**
 * Throws what answers in place of the request: `not_ready`, what `authorizeRoute` throws,
 * `redirect`, `misdirected_region`, `refused_region`, and what `Service.admit` throws.
 */
export function admit(
  exchange: Exchange,
  dataset: string,
  keyOrPrefix: string,
  via: string | undefined,
): Admitted {
  const reason = exchange.service.notReady()
  if (reason !== undefined) throw new DenizenError('not_ready', reason)
  authorizeRoute(exchange, dataset, keyOrPrefix)
  const admission = exchange.service.admit(dataset, keyOrPrefix, via)
  exchange.dataset = dataset
  if (admission.kind === 'serve') return admission
  throw diversion(exchange, admission)
}

export function diversion(
  exchange: Exchange,
  admission: Exclude<Admission, Admitted>,
): DenizenError {
  if (admission.kind === 'refuse') return new DenizenError('refused_region', admission.reason)
  // Browsers hide a 307 from scripts, which may ask for a status that they can see.
  const manual = exchange.header('denizen-redirect')?.trim().toLowerCase() === 'manual'
  return new DenizenError(manual ? 'misdirected_region' : 'redirect', admission.reason, {
    extra: { region: admission.region, url: admission.url, via: exchange.service.region },
  })
}
