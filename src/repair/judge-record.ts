/**
 * What becomes of one record of which two copies differ. Who is right is not told by the copies
 * themselves: a record that one of them lacks was lost there, or was never written, and the newer
 * of two versions may be the one that nobody has written. What tells is the *index* of the feed:
 * every change has its entry there, at its host before anybody else can have it, and in every copy
 * that has applied it. So
 *
 * - a copy takes a record that it owes if its own index names it (it had it once), or if the host
 *   of its feed vouches for it, by its index or by holding it. A host that has lost row and entry
 *   both takes it back from a copy whose index names it, and which follows the history that the
 *   host goes by: what a restored host has lost is not brought back behind its back. A closed feed
 *   has no host: for its records whoever names them vouches, or holds them and has no index of that
 *   feed as far as they lie, as it came to have them by another feed.
 * - a copy gives up a record only if nobody vouches: its own index does not, the host is complete
 *   past it and does not, and every region that may store it has answered and neither has it nor
 *   names it. What the host of a feed holds of its own feed is never given up.
 * - of two records of one version the one of the feed's host counts, as it has made it.
 *
 * Else nothing is changed: it is counted, and looked at again.
 */
import type { Position } from '../model/position.ts'
import type { RegionId } from '../model/slot.ts'
import { compareVersions, type Version } from '../model/version.ts'
import type { CopyHead, Difference } from './compare-copies.ts'

/** What a region has under a key. */
export type HeldRecord =
  | { readonly state: 'absent' | 'damaged' }
  | { readonly state: 'sound'; readonly version: Version; readonly checksum: string }

/** What a region says about a record in question. */
export interface Witness {
  readonly region: RegionId
  readonly held: HeldRecord
  /** Its index of the record's feed names the key at the record's position. */
  readonly names: boolean
  /** Of the record's feed. */
  readonly complete: Position
}

export interface RecordCase extends Difference {
  /** This region. */
  readonly mine: Witness
  /** Regions that have answered. */
  readonly others: readonly Witness[]
  /** Every region that may store the record has. */
  readonly isWhole: boolean
  /** The host of the record's feed; undefined where none that may store it hosts that feed. */
  readonly host: RegionId | undefined
  /** With whom this region compares. */
  readonly peer: RegionId
  /** Of this region's own feed: the peer's copy follows the history that this region goes by. */
  readonly isOfHistory: boolean
}

export type Verdict =
  /** To be taken from this region, as it has it. */
  | { readonly kind: 'take'; readonly from: RegionId; readonly record: SoundRecord }
  | { readonly kind: 'give up' }
  /** It is as it should be by now, or another region's to mend. */
  | { readonly kind: 'leave' }
  | { readonly kind: 'unproven' }

export type SoundRecord = Extract<HeldRecord, { state: 'sound' }>

export function judgeRecord(record: RecordCase): Verdict {
  if (record.mine.held.state === 'damaged') return { kind: 'leave' }
  if (record.kind === 'lacks') return judgeLacking(record)
  return record.kind === 'unlike' ? judgeUnlike(record) : judgeExtra(record)
}

function judgeLacking(asked: RecordCase): Verdict {
  const { record, mine, others, host, peer, isOfHistory } = asked
  const held = mine.held.state === 'sound' ? mine.held : undefined
  if (held && compareVersions(held.version, record.version) >= 0) return { kind: 'leave' }
  // A closed feed has no host, and no cursor that counts.
  if (host !== undefined && mine.complete < record.version.seq) return { kind: 'leave' }
  const atHost = others.find(({ region }) => region === host)
  const holders = others.filter(({ held: theirs }) => isVersion(theirs, record))
  const naming = holders.filter(({ names }) => names)
  const isTakenBack =
    host === mine.region && isOfHistory && naming.some(({ region }) => region === peer)
  const isVouchedFor =
    mine.names ||
    atHost?.names === true ||
    (atHost !== undefined && holders.includes(atHost)) ||
    (host === undefined && (naming.length > 0 || holders.some(cameLater))) ||
    isTakenBack
  if (!isVouchedFor) return { kind: 'unproven' }
  const from = holders.find(({ region }) => region === host) ?? holders[0]
  return from ? takeFrom(from) : { kind: 'leave' }
}

/**
 * Of a holder, and a closed feed: it got the record after that had ended, by the feed of a home
 * that had entered it anew (movement/policy-rows.ts). No index of it can name the old place.
 */
const cameLater = ({ held, complete }: Witness): boolean =>
  held.state === 'sound' && complete < held.version.seq

function judgeUnlike({ record, mine, others, host }: RecordCase): Verdict {
  if (!isVersion(mine.held, record) || mine.region === host) return { kind: 'leave' }
  const atHost = others.find(({ region }) => region === host)
  if (!atHost || !isVersion(atHost.held, record)) return { kind: 'unproven' }
  return isSame(atHost.held, mine.held) ? { kind: 'leave' } : takeFrom(atHost)
}

function judgeExtra({ record, mine, others, isWhole, host }: RecordCase): Verdict {
  const isHeld = isVersion(mine.held, record) && mine.held.checksum === record.checksum
  if (!isHeld || mine.names || mine.region === host) return { kind: 'leave' }
  const atHost = others.find(({ region }) => region === host)
  if (!isWhole || !atHost || atHost.complete < record.version.seq) return { kind: 'unproven' }
  if (atHost.names) return { kind: 'leave' }
  const isUnknown = others.every(
    ({ held, names }) => !names && held.state !== 'damaged' && !isVersion(held, record),
  )
  if (!isUnknown) return { kind: 'unproven' }
  const sound = others.flatMap(({ held }) => (held.state === 'sound' ? [held] : []))
  const [newest] = sound.sort((a, b) => compareVersions(b.version, a.version))
  if (!newest) return { kind: 'give up' }
  if (compareVersions(newest.version, record.version) > 0) return { kind: 'leave' }
  return isSame(atHost.held, newest) ? takeFrom(atHost) : { kind: 'unproven' }
}

function takeFrom({ region, held }: Witness): Verdict {
  return held.state === 'sound'
    ? { kind: 'take', from: region, record: held }
    : { kind: 'unproven' }
}

const isVersion = (held: HeldRecord, { version }: CopyHead): held is SoundRecord =>
  held.state === 'sound' && compareVersions(held.version, version) === 0

export const isSame = (a: HeldRecord, b: HeldRecord): boolean =>
  a.state === 'sound' && b.state === 'sound'
    ? compareVersions(a.version, b.version) === 0 && a.checksum === b.checksum
    : a.state === b.state
