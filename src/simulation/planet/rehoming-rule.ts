/**
 * `rehome: {after: n}`: a group moves to a region once so many consecutive writes have entered from
 * there. What the home counts, without what a node adds: a bound on moves in a time, and locks.
 */

export interface Run {
  /** The region from which the last writes entered, and how many. */
  readonly entry: number
  readonly writes: number
}

/** The run that a write continues, or begins. */
export const continueRun = (run: Run | undefined, entry: number): Run =>
  run?.entry === entry ? { entry, writes: run.writes + 1 } : { entry, writes: 1 }

/** Whether the group is to leave its home for the region of this run. */
export const shouldMove = ({ entry, writes }: Run, home: number, after: number): boolean =>
  entry !== home && writes >= after
