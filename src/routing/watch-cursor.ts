/**
 * The cursor of a watch: the region, and for each store of the dataset there the process that
 * counts its commits (the incarnation) and the last commit that the watch has seen. It needs no
 * MAC: what anybody makes up is too old, or names changes that its maker may watch anyway.
 */
import { DenizenError } from '../model/errors.ts'
import type { RegionId } from '../model/slot.ts'
import type { StorePoint } from '../storage/store-changes.ts'

export interface WatchCursor {
  readonly region: RegionId
  /** By the number of the store. */
  readonly points: readonly StorePoint[]
}

/** `eu-west~0j3k5a9b2c.1f~…`: nothing that a URL or a header would have to encode. */
export const formatCursor = ({ region, points }: WatchCursor): string =>
  [region, ...points.map(pointText)].join('~')

const pointText = ({ incarnation, commit }: StorePoint): string =>
  `${incarnation}.${commit.toString(36)}`

/** Throws `bad_request`. */
export function parseCursor(text: string): WatchCursor {
  const [region = '', ...points] = text.split('~')
  return { region, points: points.map(parsePoint) }
}

function parsePoint(text: string): StorePoint {
  const match = /^([0-9a-v]{1,26})\.([0-9a-z]{1,10})$/.exec(text)
  if (!match) throw new DenizenError('bad_request', 'the cursor is not one that a watch has given')
  return { incarnation: match[1] as string, commit: Number.parseInt(match[2] as string, 36) }
}
