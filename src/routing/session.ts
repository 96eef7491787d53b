/**
 * Session tokens: which points of which feeds a session has written or seen. A copy that is
 * complete past all of them gives the session its own writes and never an older state. An answer
 * that found nothing adds its tombstone's point, so that a deleted value does not come back.
 *
 * A token is base64url of MAC (16 bytes of HMAC-SHA-256 under the cluster's session key) and CBOR
 * `[[dataset, slot, feed, position], …]`. Beyond 2 KiB it degrades to "read at the home", which has
 * everything. The newest point of a feed stands for all before it.
 */
import { z } from 'zod'
import type { FeedPoint } from '../execution/operation.ts'
import type { SeenPoints } from '../execution/operations/read.ts'
import { concatBytes } from '../model/bytes.ts'
import { DenizenError } from '../model/errors.ts'
import { limits } from '../model/limits.ts'
import { isPosition } from '../model/position.ts'
import type { Slot } from '../model/slot.ts'
import { decodeCbor, encodeCbor } from '../protocol/cbor.ts'

const MAC_BYTES = 16

const pointsSchema = z.array(
  z.tuple([z.string(), z.int().min(0), z.int().min(0), z.number().refine(isPosition)]),
)
const tokenSchema = z.union([pointsSchema, z.literal('home')])

type Points = z.infer<typeof pointsSchema>

export class Session {
  /** By dataset, slot and feed: the newest point. */
  readonly #points = new Map<string, Points[number]>()
  #degraded = false

  /** True when the token has outgrown its bound: every read goes to the home. */
  get degraded(): boolean {
    return this.#degraded
  }

  get empty(): boolean {
    return this.#points.size === 0 && !this.#degraded
  }

  add(dataset: string, { slot, feed, position }: FeedPoint): void {
    const name = `${slot} ${feed} ${dataset}`
    if ((this.#points.get(name)?.[3] ?? -1) < position) {
      this.#points.set(name, [dataset, slot, feed, position])
    }
  }

  seen(dataset: string, slot: Slot): SeenPoints {
    return this.seenBySlot(dataset).find(entry => entry.slot === slot)?.points ?? []
  }

  seenBySlot(dataset: string): { slot: Slot; points: SeenPoints }[] {
    const slots = new Map<Slot, { feed: number; position: number }[]>()
    for (const [of, slot, feed, position] of this.#points.values()) {
      if (of !== dataset) continue
      slots.set(slot, [...(slots.get(slot) ?? []), { feed, position }])
    }
    return [...slots].map(([slot, points]) => ({ slot, points }))
  }

  async encode(key: CryptoKey): Promise<string> {
    let body = encodeCbor(this.#degraded ? 'home' : [...this.#points.values()])
    if (((MAC_BYTES + body.length) * 4) / 3 > limits.sessionTokenBytesMax) body = encodeCbor('home')
    const mac = await macOf(key, body)
    return concatBytes(mac, body).toBase64({ alphabet: 'base64url', omitPadding: true })
  }

  /** Reads a client's token. Throws `bad_session`. */
  static async decode(key: CryptoKey, token: string | undefined): Promise<Session> {
    const session = new Session()
    if (token === undefined) return session
    const parsed = await verify(key, token)
    if (parsed === 'home') session.#degraded = true
    else {
      for (const [dataset, slot, feed, position] of parsed) {
        session.add(dataset, { slot, feed, position })
      }
    }
    return session
  }
}

export const importSessionKey = (hex: string): Promise<CryptoKey> =>
  crypto.subtle.importKey(
    'raw',
    Uint8Array.fromHex(hex),
    { name: 'HMAC', hash: 'SHA-256' },
    false,
    ['sign'],
  )

async function verify(key: CryptoKey, token: string): Promise<z.infer<typeof tokenSchema>> {
  if (token.length > limits.sessionTokenBytesMax) throw badSession('the token is too long')
  let bytes: Uint8Array
  try {
    bytes = Uint8Array.fromBase64(token, { alphabet: 'base64url' })
  } catch {
    throw badSession('the token is not base64url')
  }
  const body = bytes.slice(MAC_BYTES)
  const mac = await macOf(key, body)
  let difference = bytes.length < MAC_BYTES ? 1 : 0
  mac.forEach((byte, index) => {
    difference |= byte ^ (bytes[index] ?? 0)
  })
  if (difference !== 0) throw badSession('the token was not made by this cluster, or was changed')
  return tokenSchema.parse(decodeCbor(body))
}

async function macOf(key: CryptoKey, body: Uint8Array): Promise<Uint8Array> {
  const mac = await crypto.subtle.sign('HMAC', key, body.slice())
  return new Uint8Array(mac, 0, MAC_BYTES)
}

const badSession = (detail: string): DenizenError => new DenizenError('bad_session', detail)
