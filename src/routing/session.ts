/**
 * Session tokens: which points of which feeds a session has written or seen. A copy that is
 * complete past all of them gives the session its own writes and never an older state. An answer
 * that found nothing adds its tombstone's point, so that a deleted value does not come back.
 *
 * A token is 22 characters of MAC (HMAC-SHA-256 under the cluster's session key, base64url) and the
 * points, `dataset:slot:feed:position` in base 36, separated by commas. It is text throughout,
 * because most replies carry one. The newest point of a feed stands for all before it.
 *
 * Points that are complete in every region are left out; a `*` before the others says that there
 * were such. A copy answers for them only if it is in no doubt about what it has: see `Wanted`.
 * Beyond 2 KiB a token degrades to "read at the home", which has everything.
 */
import type { FeedPoint } from '../execution/operation.ts'
import type { SeenPoints } from '../execution/operations/read.ts'
import { DenizenError } from '../model/errors.ts'
import { limits } from '../model/limits.ts'
import { type FeedNumber, isPosition } from '../model/position.ts'
import type { Slot } from '../model/slot.ts'

/** Authenticates a text under the cluster's session key: at least 22 characters of base64url. */
export type Mac = (text: string) => string

/** Whether every region that may store the dataset is complete past a point, for good. */
export type IsEverywhere = (dataset: string, point: FeedPoint) => boolean

const MAC_LENGTH = 22
const DEGRADED = 'home'
/** Dataset names begin with a letter or digit. */
const REST = '*'

export class Session {
  /** By dataset, feed and slot: the newest point. */
  readonly #datasets = new Map<string, Map<FeedNumber, Map<Slot, FeedPoint>>>()
  #degraded = false
  #hasRest = false

  /** True when the token has outgrown its bound: every read goes to the home. */
  get degraded(): boolean {
    return this.#degraded
  }

  /** True when it has seen what it does not name, as all regions are complete past it. */
  get hasRest(): boolean {
    return this.#hasRest
  }

  get empty(): boolean {
    return this.#datasets.size === 0 && !this.#degraded && !this.#hasRest
  }

  add(dataset: string, point: FeedPoint): void {
    let feeds = this.#datasets.get(dataset)
    if (!feeds) {
      feeds = new Map()
      this.#datasets.set(dataset, feeds)
    }
    let slots = feeds.get(point.feed)
    if (!slots) {
      slots = new Map()
      feeds.set(point.feed, slots)
    }
    const known = slots.get(point.slot)
    if (!known || known.position < point.position) slots.set(point.slot, point)
  }

  *#points(dataset: string): Iterable<FeedPoint> {
    for (const slots of this.#datasets.get(dataset)?.values() ?? []) yield* slots.values()
  }

  seen(dataset: string, slot: Slot): SeenPoints {
    const points: FeedPoint[] = []
    for (const slots of this.#datasets.get(dataset)?.values() ?? []) {
      const point = slots.get(slot)
      if (point) points.push(point)
    }
    return points.map(({ feed, position }) => ({ feed, position }))
  }

  /** It has seen the point, or a later one of the same feed. */
  covers(dataset: string, { slot, feed, position }: FeedPoint): boolean {
    const known = this.#datasets.get(dataset)?.get(feed)?.get(slot)
    return known !== undefined && known.position >= position
  }

  /** Leaves out the points that need not be named. */
  leaveOut(isEverywhere: IsEverywhere): void {
    for (const [dataset, feeds] of this.#datasets) {
      for (const [feed, slots] of feeds) {
        for (const [slot, point] of slots) {
          if (!isEverywhere(dataset, point)) continue
          slots.delete(slot)
          this.#hasRest = true
        }
        if (slots.size === 0) feeds.delete(feed)
      }
      if (feeds.size === 0) this.#datasets.delete(dataset)
    }
  }

  /** A session that has seen one point more. */
  with(dataset: string, point: FeedPoint): Session {
    const further = new Session()
    further.#degraded = this.#degraded
    further.#hasRest = this.#hasRest
    for (const name of this.#datasets.keys()) {
      for (const known of this.#points(name)) further.add(name, known)
    }
    further.add(dataset, point)
    return further
  }

  seenBySlot(dataset: string): { slot: Slot; points: SeenPoints }[] {
    const slots = new Map<Slot, { feed: number; position: number }[]>()
    for (const { slot, feed, position } of this.#points(dataset)) {
      slots.set(slot, [...(slots.get(slot) ?? []), { feed, position }])
    }
    return [...slots].map(([slot, points]) => ({ slot, points }))
  }

  encode(mac: Mac, isEverywhere: IsEverywhere): string {
    if (this.#degraded) return signed(mac, DEGRADED)
    this.leaveOut(isEverywhere)
    let body = ''
    for (const dataset of this.#datasets.keys()) {
      for (const point of this.#points(dataset)) {
        body += `${body === '' ? '' : ','}${textOf(dataset, point)}`
      }
    }
    if (this.#hasRest) body = REST + body
    return signed(mac, MAC_LENGTH + body.length > limits.sessionTokenBytesMax ? DEGRADED : body)
  }

  /** Reads a client's token. Throws `bad_session`. */
  static decode(mac: Mac, token: string | undefined): Session {
    const session = new Session()
    if (token === undefined) return session
    const body = verified(mac, token)
    if (body === DEGRADED) {
      session.#degraded = true
      return session
    }
    session.#hasRest = body.startsWith(REST)
    if (body === REST) return session
    const points = session.#hasRest ? body.slice(REST.length) : body
    for (const text of points.split(',')) session.#read(text)
    return session
  }

  #read(text: string): void {
    const [dataset = '', ...numbers] = text.split(':')
    const [slot = -1, feed = -1, position = -1] = numbers.map(number => Number.parseInt(number, 36))
    if (numbers.length !== 3 || !(slot >= 0 && feed >= 0 && isPosition(position))) {
      throw badSession('the token is of another version')
    }
    this.add(decodedName(dataset), { slot, feed, position })
  }
}

/** A session of one point, without the way through a `Session`. */
export const tokenOf = (mac: Mac, dataset: string, point: FeedPoint): string =>
  signed(mac, textOf(dataset, point))

/** A session that has seen nothing but what is complete in every region. */
export const tokenOfRest = (mac: Mac): string => signed(mac, REST)

const textOf = (dataset: string, { slot, feed, position }: FeedPoint): string =>
  `${encodeURIComponent(dataset)}:${slot.toString(36)}:${feed.toString(36)}:${position.toString(36)}`

function decodedName(dataset: string): string {
  try {
    return decodeURIComponent(dataset)
  } catch {
    throw badSession('the token names no dataset')
  }
}

const signed = (mac: Mac, body: string): string => mac(body).slice(0, MAC_LENGTH) + body

function verified(mac: Mac, token: string): string {
  if (token.length > limits.sessionTokenBytesMax) throw badSession('the token is too long')
  const body = token.slice(MAC_LENGTH)
  const expected = mac(body)
  let difference = token.length <= MAC_LENGTH ? 1 : 0
  for (let at = 0; at < MAC_LENGTH; at++) {
    difference |= expected.charCodeAt(at) ^ token.charCodeAt(at)
  }
  if (difference !== 0) throw badSession('the token was not made by this cluster, or was changed')
  return body
}

const badSession = (detail: string): DenizenError => new DenizenError('bad_session', detail)
