/**
 * What the planet is assumed to be like. These were fixed before the first result was seen; each
 * says where it comes from, or that it is an assumption. docs/PLANET.md shows what other values do.
 */

export interface PlanetParameters {
  /** People, each with one group that is theirs: a profile, a cart, a document. */
  readonly users: number
  /** Smaller places are left out: few people of the source's places, most of its rows. */
  readonly cityPopulationMin: number
  /** Share of a group's sessions that are its owner's, from where the owner is at the time. */
  readonly locality: number
  /** Share of users who make a trip to another region's part of the world. */
  readonly travellers: number
  /** Sessions that a trip lasts: any number of these, equally likely. */
  readonly tripSessionsMin: number
  readonly tripSessionsMax: number
  /** Mean of the writes to a group in its life; geometric: some groups are written once. */
  readonly writesPerGroupMean: number
  /** Mean of the writes of one session, made by one person in one place; geometric. */
  readonly sessionWritesMean: number
  /** Mean time between a reply and the next write of a session; exponential. */
  readonly thinkMsMean: number
  /** `rehome: {after: n}`: consecutive writes entering from one other region. */
  readonly rehomeAfter: number
  /** Round trip from a device to its provider's network. */
  readonly lastMileMs: number
  /** From a write's arrival in its shard until it is on disk. */
  readonly commitMs: number
  readonly valueBytes: number
  /** Key, version, headers and framing that travel with a value, and make up a write's reply. */
  readonly envelopeBytes: number
  /** A claim, its answer, a marker: what has no value in it. */
  readonly controlBytes: number
}

export const planetDefaults: PlanetParameters = {
  users: 20_000,
  // Some 4,400 places.
  cityPopulationMin: 100_000,
  // Cooper et al., "PNUTS", VLDB 2008: 85 % of the writes to a record come from one datacenter.
  locality: 0.85,
  travellers: 0.1,
  // Assumption: a session a day, and trips of two to ten days.
  tripSessionsMin: 2,
  tripSessionsMax: 10,
  // Assumption: some 17 sessions. The fewer there are, the more a first write weighs.
  writesPerGroupMean: 50,
  // Assumption, and the hard case for a rule that counts to three: what a home gains by following a
  // visitor for the rest of a session, it loses when the owner is back.
  sessionWritesMean: 3,
  thinkMsMean: 10_000,
  // The example of docs and schemas.
  rehomeAfter: 3,
  // Assumption: cable and fibre lines take about this; a phone takes twice as long.
  lastMileMs: 10,
  // A synced append to a cloud disk; bench/results has less for a local one.
  commitMs: 1,
  valueBytes: 1_024,
  envelopeBytes: 200,
  controlBytes: 150,
}

/** What the model was made to show, at the parameters above. */
export const planetTargets = {
  /** One global primary's mean write latency, as a multiple of homing's: at least this. */
  overGlobalPrimary: 3,
  /** Homing's mean write latency, as a multiple of perfect placement's: at most this. */
  overPerfect: 1.2,
}
