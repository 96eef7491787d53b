/** Finds where items end. It keeps what it knows of the item under way from piece to piece. */
export interface ItemBoundary {
  /**
   * The index behind the last byte of the item under way, or undefined where the piece ends before
   * it does. Throws `bad_body` for what can't become an item.
   */
  endIn(piece: Uint8Array, from: number): number | undefined
  /** Whether nothing, or what the end of the stream may cut off, is under way. */
  readonly mayEnd: boolean
}
