/** Session tokens of a cluster: they need not name what is complete everywhere. */
import type { FeedPoint } from '../execution/operation.ts'
import { type IsEverywhere, type Mac, Session, tokenOf, tokenOfRest } from './session.ts'

export class SessionTokens {
  readonly #mac: Mac
  readonly #isEverywhere: IsEverywhere
  readonly #ofRest: string

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
}
