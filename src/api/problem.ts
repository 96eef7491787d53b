/** Errors as problem details (RFC 9457), in JSON or CBOR with the same members. */
import { errorKinds } from '../model/error-kinds.ts'
import { DenizenError } from '../model/errors.ts'
import type { LogFields } from '../runtime/log.ts'
import { type Exchange, encodeStructure } from './exchange.ts'
import type { Reply } from './host.ts'
import { problemFormat } from './negotiation.ts'
import { etagNamed, type Headers } from './reply-headers.ts'
import { targetVia } from './target.ts'

/** Seconds after which a caller may try again what failed for the moment. */
export const RETRY_AFTER_SECONDS = '1'
/** The same where somebody has to make room first. */
const DISK_FULL_RETRY_SECONDS = '10'

export const problemTypes = {
  json: 'application/problem+json',
  cbor: 'application/problem+cbor',
} as const

export function problemBody(error: DenizenError): Record<string, unknown> {
  const { title, status, action } = errorKinds[error.code]
  return {
    ...error.extra,
    type: `urn:denizen:error:${error.code}`,
    title,
    status,
    detail: error.message,
    code: error.code,
    applied: error.applied,
    retry: error.retry,
    action,
  }
}

/** An error as one result among others: what differs from case to case. */
export const errorItem = (error: DenizenError): Record<string, unknown> => ({
  ...error.extra,
  code: error.code,
  detail: error.message,
  applied: error.applied,
  retry: error.retry,
})

export function problemReply(
  exchange: Exchange,
  error: DenizenError,
  headers: Headers = {},
): Reply {
  const { level, status } = errorKinds[error.code]
  exchange.error = error.code
  exchange.log(level, status < 500 ? 'request refused' : 'request failed', {
    code: error.code,
    detail: error.message,
    ...(error.code === 'internal' ? describeCause(error.cause) : {}),
  })
  const format = problemFormat(exchange.accept)
  return exchange.reply(
    status,
    { ...headers, ...headersOf(exchange, error), 'Content-Type': problemTypes[format] },
    encodeStructure(format, problemBody(error)),
  )
}

function headersOf(exchange: Exchange, error: DenizenError): Headers {
  if (error.code === 'redirect') {
    return { Location: `${error.extra.url}${targetVia(exchange.target, exchange.service.region)}` }
  }
  if (error.code === 'method_not_allowed') return { Allow: String(error.extra.allow) }
  if (error.code === 'version_mismatch') return etagNamed(error.extra.current)
  if (error.code === 'acks_timeout') return etagNamed(error.extra.version)
  if (error.code === 'unauthenticated') return { 'WWW-Authenticate': challenge(exchange) }
  if (error.status === 429) return { 'Retry-After': String(error.extra.retryAfterSeconds) }
  if (error.code === 'disk_full') return { 'Retry-After': DISK_FULL_RETRY_SECONDS }
  return error.status === 503 ? { 'Retry-After': RETRY_AFTER_SECONDS } : {}
}

/** RFC 6750, section 3: the reason is for those who sent a token. */
const challenge = (exchange: Exchange): string =>
  exchange.header('authorization') === undefined
    ? 'Bearer realm="denizen"'
    : 'Bearer realm="denizen", error="invalid_token"'

/** A caught failure as an error that a caller may see. What is not ours is a bug, and unnamed. */
export const asDenizenError = (exchange: Exchange, failure: unknown): DenizenError =>
  failure instanceof DenizenError
    ? failure
    : new DenizenError('internal', 'an unexpected failure; the log has its stack', {
        applied: exchange.mutates ? 'unknown' : 'no',
        cause: failure,
      })

/** The frames alone: the message above them may quote its input. */
export const describeCause = (cause: unknown): LogFields =>
  cause instanceof Error
    ? {
        errorName: cause.name,
        errorStack: (cause.stack ?? '')
          .split('\n')
          .map(line => line.trim())
          .filter(line => line.startsWith('at '))
          .slice(0, 12),
      }
    : { errorName: typeof cause }
