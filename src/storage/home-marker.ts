/**
 * Home markers: rows that tell the home of a group, which the home itself writes into its feed. A
 * group has one once it was moved, and where it is more than one key. Of two markers of a group the
 * one of the later term counts, and of two of one term the one that says that it has ended: so what
 * a copy knows of a home only goes forward.
 *
 * Layout: region u16 | feed u32 | term u64 | position u64, and where there is more to say:
 * parts u8 | reason 13 bytes | to u16, reason 13 bytes | ends u8, (feed u32, position u64) each.
 * A reason is kind u8 | writes u32 | wall-clock ms u64.
 */
import { DenizenError } from '../model/errors.ts'
import type { FeedNumber, Position } from '../model/position.ts'
import type { RegionNumber } from '../model/slot.ts'
import { decodeGroupHome, encodeGroupHome, type GroupHome } from './row-values.ts'
import { readU32, readU53, writeU32, writeU53 } from './rows.ts'

/** Why a group was to be moved, for people: nothing is decided by it but when it moves again. */
export interface MoveReason {
  /** `returned`: the region that was to take the group did not, so the one before went on. */
  readonly kind: 'operator' | 'access' | 'returned' | 'policy'
  /** Of `access`: the consecutive writes that had entered from the new home. */
  readonly writes: number
  /** Wall clock of who decided it. */
  readonly atMs: number
}

/** How far a feed has changes of a group. */
export interface FeedEnd {
  readonly feed: FeedNumber
  readonly position: Position
}

export interface HomeMarker extends Omit<GroupHome, 'moved'> {
  /** Where the marker itself lies in the home's feed. */
  readonly position: Position
  /** Why it is the home; absent where it was the first. */
  readonly why?: MoveReason
  /**
   * The home accepts nothing more under this term, ever: all that it accepted lies before the
   * marker. `to` is to be the next home, once it has won a later term at the registrar.
   */
  readonly stopped?: { readonly to: RegionNumber; readonly why: MoveReason }
  /** Changes of earlier homes: who acts as home has to be complete up to all of them. */
  readonly past?: readonly FeedEnd[]
}

/** Whether a marker tells more than the one that is held. */
export const tellsMore = (marker: HomeMarker, held: HomeMarker | undefined): boolean =>
  !held ||
  marker.term > held.term ||
  (marker.term === held.term && marker.stopped !== undefined && !held.stopped)

/** What whoever follows a home has to be complete up to, where the marker is that home's last. */
export function endsOf({ feed, position, past = [] }: HomeMarker): FeedEnd[] {
  return [...past.filter(end => end.feed !== feed), { feed, position }]
}

const headBytes = 22
const reasonBytes = 13
const endBytes = 12
const part = { why: 1, stopped: 2, past: 4 } as const
const reasonKinds = { operator: 1, access: 2, returned: 3, policy: 4 } as const

export function encodeHomeMarker(marker: HomeMarker): Uint8Array {
  const { region, feed, term, position, why, stopped, past = [] } = marker
  const parts =
    (why ? part.why : 0) | (stopped ? part.stopped : 0) | (past.length > 0 ? part.past : 0)
  const more =
    (parts === 0 ? 0 : 1) +
    (why ? reasonBytes : 0) +
    (stopped ? 2 + reasonBytes : 0) +
    (past.length > 0 ? 1 + past.length * endBytes : 0)
  const bytes = new Uint8Array(headBytes + more)
  bytes.set(encodeGroupHome({ region, feed, term }))
  writeU53(bytes, 14, position)
  if (parts === 0) return bytes
  bytes[headBytes] = parts
  let at = headBytes + 1
  if (why) at = writeReason(bytes, at, why)
  if (stopped) {
    bytes[at] = stopped.to >>> 8
    bytes[at + 1] = stopped.to
    at = writeReason(bytes, at + 2, stopped.why)
  }
  if (past.length > 0) {
    bytes[at] = past.length
    past.forEach(({ feed, position: end }, index) => {
      writeU32(bytes, at + 1 + index * endBytes, feed)
      writeU53(bytes, at + 5 + index * endBytes, end)
    })
  }
  return bytes
}

function writeReason(bytes: Uint8Array, at: number, { kind, writes, atMs }: MoveReason): number {
  bytes[at] = reasonKinds[kind]
  writeU32(bytes, at + 1, writes)
  writeU53(bytes, at + 5, atMs)
  return at + reasonBytes
}

/** Throws `damaged_record`. */
export function decodeHomeMarker(bytes: Uint8Array): HomeMarker {
  const head = { ...decodeGroupHome(bytes.subarray(0, 14)), position: readU53(bytes, 14) }
  const parts = bytes[headBytes] ?? 0
  let at = headBytes + 1
  const why = parts & part.why ? readReason(bytes, at) : undefined
  if (why) at += reasonBytes
  const stopped =
    parts & part.stopped
      ? { to: ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0), why: readReason(bytes, at + 2) }
      : undefined
  if (stopped) at += 2 + reasonBytes
  const past = parts & part.past ? readEnds(bytes, at) : undefined
  return { ...head, ...(why && { why }), ...(stopped && { stopped }), ...(past && { past }) }
}

function readReason(bytes: Uint8Array, at: number): MoveReason {
  const names = Object.keys(reasonKinds) as MoveReason['kind'][]
  const kind = names.find(name => reasonKinds[name] === bytes[at])
  if (!kind) throw new DenizenError('damaged_record', 'a home marker has an unknown reason')
  return { kind, writes: readU32(bytes, at + 1), atMs: readU53(bytes, at + 5) }
}

function readEnds(bytes: Uint8Array, at: number): FeedEnd[] {
  return Array.from({ length: bytes[at] ?? 0 }, (_, index) => ({
    feed: readU32(bytes, at + 1 + index * endBytes),
    position: readU53(bytes, at + 5 + index * endBytes),
  }))
}
