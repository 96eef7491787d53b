/** What scrubs of this node's copies, and comparisons with those of other regions, have found. */
export interface ScrubReport {
  /** A scrub is under way, and this is what it has found so far. */
  readonly running: boolean
  readonly datasets: readonly {
    readonly dataset: string
    readonly stores: number
    /** Of them, walked to their ends. */
    readonly storesDone: number
    readonly records: number
    readonly entries: number
    /** How many things are wrong, by slot. */
    readonly damage: readonly { readonly slot: number; readonly count: number }[]
    /** Digests that were wrong and have been made anew. */
    readonly digestsCorrected: number
  }[]
  /** Records found damaged since the start, whoever met them. */
  readonly repairs: {
    readonly found: number
    readonly repaired: number
    /** To be repaired, or written anew. */
    readonly waiting: number
  }
  /** Of this node's copies with those of other regions, since the start. */
  readonly comparisons: {
    /** Slots whose digests were compared: the same, different, or not at the same place. */
    readonly same: number
    readonly different: number
    readonly apart: number
    /** Slots that were compared record by record. */
    readonly walked: number
    /** Records that the copy lacked and has now; that nobody wrote and it has no more. */
    readonly repaired: number
    readonly removed: number
    /** Records of one version with different bytes; those of which none was proven right. */
    readonly conflicting: number
    readonly unproven: number
  }
}
