/** Where lines end. The last one needs no end of its own. */
import type { ItemBoundary } from './item-boundary.ts'

const NEWLINE = 0x0a

export class LineBoundary implements ItemBoundary {
  readonly mayEnd = true

  endIn(piece: Uint8Array, from: number): number | undefined {
    const at = piece.indexOf(NEWLINE, from)
    return at < 0 ? undefined : at + 1
  }
}
