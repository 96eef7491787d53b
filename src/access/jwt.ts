/**
 * JSON Web Tokens (RFC 7519), signed by somebody else: verified with the public keys of the access
 * file (RFC 7517) and pinned algorithms (RFC 8725, section 3.1), never with what the token says of
 * itself. A claim holds the scopes; what its issuer left out is not granted.
 */
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  errors,
  type JSONWebKeySet,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose'
import { DenizenError } from '../model/errors.ts'
import type { JwtRules } from './access-file.ts'
import { type Scope, scopesSchema } from './scope.ts'

export interface JwtClaims {
  readonly subject: string
  readonly scopes: readonly Scope[]
  readonly expiresAtMs: number
}

/** Seconds by which the clock of an issuer may differ from ours. */
const CLOCK_TOLERANCE_SECONDS = 5

/** Failures of a token; every other one is a failure to get at the keys. */
const badToken = [
  ...[errors.JWTClaimValidationFailed, errors.JWTExpired, errors.JWTInvalid, errors.JWSInvalid],
  ...[errors.JWSSignatureVerificationFailed, errors.JOSEAlgNotAllowed, errors.JOSENotSupported],
  ...[errors.JWKSNoMatchingKey, errors.JWKSMultipleMatchingKeys],
]

export class JwtVerifier {
  readonly #rules: JwtRules
  readonly #keys: JWTVerifyGetKey

  /** `keys`: the content of the file that the rules name, unless they name a URL. */
  constructor(rules: JwtRules, keys: JSONWebKeySet | undefined) {
    this.#rules = rules
    this.#keys = keys ? createLocalJWKSet(keys) : createRemoteJWKSet(new URL(rules.jwks))
  }

  /** Throws `unauthenticated`, `keys_unavailable`. */
  async verify(token: string, nowMs: number): Promise<JwtClaims> {
    const { issuer, audience, algorithms, claim = 'denizen' } = this.#rules
    const payload = await this.#verified(token, {
      issuer,
      audience,
      algorithms,
      currentDate: new Date(nowMs),
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
    })
    const scopes = scopesSchema.safeParse(payload[claim])
    const { sub, exp } = payload
    if (!scopes.success || typeof sub !== 'string' || exp === undefined) {
      throw refused('the JWT lacks sub, exp, or a claim that holds valid scopes')
    }
    return { subject: sub, scopes: scopes.data, expiresAtMs: exp * 1_000 }
  }

  async #verified(token: string, options: Parameters<typeof jwtVerify>[2]): Promise<JWTPayload> {
    try {
      return (await jwtVerify(token, this.#keys, options)).payload
    } catch (error) {
      if (badToken.some(kind => error instanceof kind)) throw refused('the JWT is not valid', error)
      throw new DenizenError('keys_unavailable', 'the set of keys can not be fetched', {
        cause: error,
      })
    }
  }
}

const refused = (detail: string, cause?: unknown): DenizenError =>
  new DenizenError('unauthenticated', detail, { cause })
