/** Session tokens of a cluster: they need not name what is complete everywhere. */
import type { FeedPoint } from '../execution/operation.ts'
import { DenizenError } from '../model/errors.ts'
import { limits, timing } from '../model/limits.ts'
import { RecentMap } from '../model/recent-map.ts'
import { type IsEverywhere, type Mac, Session, tokenOf, tokenOfRest } from './session.ts'

/** A session that was sent before. It is not to be changed. */
export interface KnownSession {
  readonly session: Session
  /** For its next request: the same, where there is nothing more to leave out. */
  readonly token: string
  /** Monotonic: what may be left out is looked at anew after a time. */
  readonly atMs: number
}

export class SessionTokens {
  readonly #mac: Mac
  readonly #isEverywhere: IsEverywhere
  readonly #ofRest: string
  readonly #known = new RecentMap<string, KnownSession>(limits.sessionsRememberedMax)

  constructor(mac: Mac, isEverywhere: IsEverywhere) {
    this.#mac = mac
    this.#isEverywhere = isEverywhere
    this.#ofRest = tokenOfRest(mac)
  }

  /** Throws `bad_session`. */
  decode(token: string | undefined): Session {
    return Session.decode(this.#mac, token)
  }

  encode(session: Session): string {
    return session.encode(this.#mac, this.#isEverywhere)
  }

  /** A session of one point. Most that is read lies long back: then there is one token for all. */
  of(dataset: string, point: FeedPoint): string {
    return this.#isEverywhere(dataset, point) ? this.#ofRest : tokenOf(this.#mac, dataset, point)
  }

  /** The session of a token, verified once in a while; undefined where it is none of ours. */
  known(token: string, nowMs: number): KnownSession | undefined {
    const before = this.#known.get(token)
    if (before && nowMs - before.atMs < timing.sessionRememberedMs) return before
    try {
      const session = this.decode(token)
      const known = { session, token: this.encode(session), atMs: nowMs }
      this.#known.set(token, known)
      return known
    } catch (error) {
      if (error instanceof DenizenError) return undefined
      throw error
    }
  }

  /** The token of a session that has seen one point more. */
  after({ session, token }: KnownSession, dataset: string, point: FeedPoint): string {
    const isLeftOut = session.hasRest && this.#isEverywhere(dataset, point)
    if (isLeftOut || session.covers(dataset, point)) return token
    return this.encode(session.with(dataset, point))
  }
}
