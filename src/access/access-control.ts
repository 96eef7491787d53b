/**
 * Access by the access file: bearer tokens looked up by id and compared by hash, JWTs by signature.
 * Who has been verified is remembered by the text of the credentials, so that a request of a known
 * caller costs a look-up in a map. Each thread of a node has one of these; they share the rates.
 */
import type { JSONWebKeySet } from 'jose'
import { DenizenError } from '../model/errors.ts'
import { limits, timing } from '../model/limits.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Access, Caller, Usage } from './access.ts'
import {
  type AccessFile,
  datasetRate,
  type Quota,
  ratesIn,
  type TokenEntry,
  tokenRate,
} from './access-file.ts'
import { JwtVerifier } from './jwt.ts'
import { type Rate, RateStates, rateOf, sharedRates } from './rate.ts'
import { Grants, type Scope } from './scope.ts'
import { hashSecret, parseToken, sameHash, type TokenParts } from './token.ts'

/** The rules in force on a node: plain data and shared memory, the same for all its threads. */
export interface AccessState {
  readonly file: AccessFile
  /** The content of the file of keys, where `file.jwt` names one. */
  readonly keys?: JSONWebKeySet
  /** One state for each of `ratesIn(file)`, in their order. */
  readonly rates: SharedArrayBuffer
}

/** A new file, and the rates of the one before as far as they are in both. */
export function stateOf(
  file: AccessFile,
  keys: JSONWebKeySet | undefined,
  before?: AccessState,
): AccessState {
  const names = [...ratesIn(file).keys()]
  const rates = sharedRates(names.length)
  const states = new RateStates(rates)
  const namesBefore = before ? [...ratesIn(before.file).keys()] : []
  for (const [slot, name] of names.entries()) {
    const slotBefore = namesBefore.indexOf(name)
    if (before && slotBefore >= 0) states.copy(slot, new RateStates(before.rates), slotBefore)
  }
  return { file, ...(keys && { keys }), rates }
}

export interface AccessControlOptions {
  readonly state: AccessState
  readonly clock: Clock
  /** What a dataset holds here; `undefined` where the node has no copy or does not know yet. */
  readonly usage: (dataset: string) => Usage | undefined
}

export class AccessControl implements Access {
  readonly #options: AccessControlOptions
  #rules: Rules

  constructor(options: AccessControlOptions) {
    this.#options = options
    this.#rules = new Rules(options.state, options)
  }

  /** Puts a new file in force, for the next request on; nobody is remembered from the old one. */
  replace(state: AccessState): void {
    this.#rules = new Rules(state, this.#options)
  }

  authenticate(authorization: string | undefined): Caller | Promise<Caller> {
    return this.#rules.authenticate(authorization)
  }

  known(authorization: string | undefined): Caller | undefined {
    return this.#rules.known(authorization)
  }
}

interface Remembered {
  readonly caller: Caller
  readonly untilMs: number
}

/**
 * One version of the file. What it remembers goes with it: an answer that is still being worked out
 * when the file is replaced can't outlive its rules.
 */
class Rules {
  readonly #clock: Clock
  readonly #usage: AccessControlOptions['usage']
  readonly #quotas: ReadonlyMap<string, Quota>
  readonly #tokens: ReadonlyMap<string, TokenEntry>
  readonly #jwt: JwtVerifier | undefined
  readonly #anonymous: Caller | undefined
  readonly #states: RateStates
  readonly #rates = new Map<string, { readonly slot: number; readonly rate: Rate }>()
  readonly #remembered = new Map<string, Remembered>()

  constructor({ file, keys, rates }: AccessState, { clock, usage }: AccessControlOptions) {
    this.#clock = clock
    this.#usage = usage
    this.#quotas = new Map(Object.entries(file.quotas ?? {}))
    this.#tokens = new Map((file.tokens ?? []).map(token => [token.id, token]))
    this.#jwt = file.jwt && new JwtVerifier(file.jwt, keys)
    this.#states = new RateStates(rates)
    for (const [name, perSecond] of ratesIn(file)) {
      this.#rates.set(name, { slot: this.#rates.size, rate: rateOf(perSecond) })
    }
    this.#anonymous = file.anonymous && this.#callerOf('anonymous', file.anonymous, true)
  }

  authenticate(authorization: string | undefined): Caller | Promise<Caller> {
    const known = this.known(authorization)
    if (known) return known
    if (authorization !== undefined) return this.#identify(authorization)
    throw unauthenticated('the request has no Authorization header')
  }

  known(authorization: string | undefined): Caller | undefined {
    if (authorization === undefined) return this.#anonymous
    const remembered = this.#remembered.get(authorization)
    return remembered && this.#clock.wallMs() < remembered.untilMs ? remembered.caller : undefined
  }

  async #identify(authorization: string): Promise<Caller> {
    this.#remembered.delete(authorization)
    const isShort = authorization.length <= limits.credentialsBytesMax
    const [, credentials] = (isShort && /^Bearer +([!-~]+) *$/i.exec(authorization)) || []
    if (credentials === undefined) {
      throw unauthenticated('the Authorization header holds no bearer token')
    }
    const token = parseToken(credentials)
    const found = await (token ? this.#fromToken(token) : this.#fromJwt(credentials))
    // The oldest goes; whoever is busy is verified anew soon after.
    const oldest = this.#remembered.keys().next()
    if (this.#remembered.size >= limits.callersRememberedMax && !oldest.done) {
      this.#remembered.delete(oldest.value)
    }
    this.#remembered.set(authorization, found)
    return found.caller
  }

  async #fromToken({ id, secret }: TokenParts): Promise<Remembered> {
    const token = this.#tokens.get(id)
    if (!token || !sameHash(await hashSecret(secret), token.hash)) {
      throw unauthenticated('the token is not known here, or has been revoked')
    }
    const untilMs = token.expires === undefined ? Infinity : Date.parse(token.expires)
    if (this.#clock.wallMs() >= untilMs) throw unauthenticated('the token has expired')
    return { caller: this.#callerOf(tokenRate(id), token.scopes), untilMs }
  }

  async #fromJwt(credentials: string): Promise<Remembered> {
    if (!this.#jwt) throw unauthenticated('the bearer token has not the form dz_<id>_<secret>')
    const nowMs = this.#clock.wallMs()
    const { subject, scopes, expiresAtMs } = await this.#jwt.verify(credentials, nowMs)
    const untilMs = Math.min(expiresAtMs, nowMs + timing.jwtRememberedMs)
    return { caller: this.#callerOf(`jwt ${subject}`, scopes), untilMs }
  }

  #callerOf(principal: string, scopes: readonly Scope[], isAnonymous = false): Caller {
    const grants = new Grants(scopes)
    return {
      principal,
      isAnonymous,
      permits: (verb, dataset, keyOrPrefix, hinted) =>
        grants.permits(verb, dataset, keyOrPrefix, hinted),
      concerns: dataset => grants.concern(dataset),
      take: dataset =>
        this.#take(principal) || (dataset === undefined ? 0 : this.#take(datasetRate(dataset))),
      owe: (dataset, count) => {
        this.#owe(principal, count)
        this.#owe(datasetRate(dataset), count)
      },
      exhausted: dataset => this.#exhausted(dataset),
    }
  }

  #take(name: string): number {
    const found = this.#rates.get(name)
    return found ? this.#states.take(found.slot, found.rate, this.#clock.monotonicMs()) : 0
  }

  #owe(name: string, count: number): void {
    const found = this.#rates.get(name)
    if (found) this.#states.owe(found.slot, found.rate, this.#clock.monotonicMs(), count)
  }

  #exhausted(dataset: string): keyof Usage | undefined {
    const quota = this.#quotas.get(dataset)
    if (!quota) return undefined
    const usage = this.#usage(dataset)
    if (!usage) return undefined
    if (isReached(quota.records, usage.records)) return 'records'
    return isReached(quota.bytes, usage.bytes) ? 'bytes' : undefined
  }
}

const isReached = (quota: number | undefined, used: number | undefined): boolean =>
  quota !== undefined && used !== undefined && used >= quota

const unauthenticated = (detail: string): DenizenError =>
  new DenizenError('unauthenticated', detail)
