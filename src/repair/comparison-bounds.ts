/** How much a comparison of copies takes at a time, and how often: what bounds its cost. */
export const comparisonBounds = {
  /** Rows and bytes of a page, and how many times as much the other region may look at for it. */
  rowsPerPage: 1_024,
  bytesPerPage: 1024 * 1024,
  pageSlack: 4,
  /** Records that other regions are asked about at a time. */
  recordsAtOnce: 64,
  /** Slots that wait for their walk. */
  walksMax: 1_024,
  /** Comparisons in a row at which two copies were at different places, before they are walked. */
  apartMax: 4,

  /** How often a node compares its digests of one dataset with those of one other region. */
  intervalMs: 1_000,
  /** The rest between two pages of a walk, where copies differ and where nobody knows. */
  urgentPauseMs: 20,
  pauseMs: 200,
  /** How long a slot rests after a walk that has mended nothing, at first and at most. */
  restMinMs: 10_000,
  restMaxMs: 3_600_000,
} as const
