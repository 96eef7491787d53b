/**
 * Where two copies of some records differ although they must not. What decides is no comparison of
 * whole copies, which are hardly ever at the same place while they are written, but this: a copy
 * that is complete up to position p of a feed has every change of the feed up to p, or a later one
 * of the same key. So a record whose position another copy is complete past is *owed* by that
 * copy, whenever the two were read, and one that lies beyond is simply not there yet.
 */
import type { FeedNumber, Position } from '../model/position.ts'
import { compareVersions, type Version } from '../model/version.ts'

export interface CopyHead {
  readonly key: string
  readonly version: Version
  readonly feed: FeedNumber
  readonly tombstone: boolean
  /** In hexadecimal, as it is sent. */
  readonly checksum: string
}

/** Some records of a copy, and what it is complete to, of one commit. */
export interface CopyHeads {
  readonly heads: readonly CopyHead[]
  readonly cursors: readonly { readonly feed: FeedNumber; readonly position: Position }[]
}

export interface Difference {
  /**
   * `lacks`: my copy owes the record, and has none or an older one. `unlike`: both copies have this
   * version, with other bytes. `extra`: the other copy owes my record, and has none or an older
   * one: it has lost it, or nobody has ever written it.
   */
  readonly kind: 'lacks' | 'unlike' | 'extra'
  /** The other copy's; of `extra` mine. */
  readonly record: CopyHead
}

/**
 * Of the same range of keys. `closed`: feeds of which every copy owes all. What is deleted in one
 * copy and unknown in the other is the same: tombstones are dropped at different times.
 */
export function differencesOf(
  mine: CopyHeads,
  theirs: CopyHeads,
  closed: (feed: FeedNumber) => boolean = () => false,
): Difference[] {
  const own = new Map(mine.heads.map(head => [head.key, head]))
  const others = new Map(theirs.heads.map(head => [head.key, head]))
  const keys = new Set([...own.keys(), ...others.keys()])
  return [...keys].flatMap(key => differenceOf(key) ?? [])

  function differenceOf(key: string): Difference | undefined {
    const [here, there] = [own.get(key), others.get(key)]
    const order = orderOf(here, there)
    const isOwedBy = ({ cursors }: CopyHeads, { feed, version }: CopyHead): boolean =>
      closed(feed) || cursors.some(cursor => cursor.feed === feed && cursor.position >= version.seq)
    if (order < 0 && there && (here || !there.tombstone) && isOwedBy(mine, there)) {
      return { kind: 'lacks', record: there }
    }
    if (order > 0 && here && !here.tombstone && isOwedBy(theirs, here)) {
      return { kind: 'extra', record: here }
    }
    const isUnlike = order === 0 && here?.checksum !== there?.checksum
    return isUnlike && there ? { kind: 'unlike', record: there } : undefined
  }
}

function orderOf(here: CopyHead | undefined, there: CopyHead | undefined): number {
  if (here && there) return compareVersions(here.version, there.version)
  return here ? 1 : -1
}
