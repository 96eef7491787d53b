/**
 * The one record that coordination keeps: who the regions are, which policy is in force, which
 * region is registrar of what. Nothing per key is in it. It is ordered by (keeper epoch, revision):
 * whoever sees a higher one fetches it before acting.
 */
import { z } from 'zod'
import { assert } from '../model/assert.ts'
import type { Hasher } from '../model/hash.ts'
import { timing } from '../model/limits.ts'
import type { PolicyData } from '../model/placement.ts'
import { effectivePolicy, isFrom, type Phase, phases } from '../model/policy-change.ts'
import { lastChangeSchema, leftCopySchema } from '../model/policy-change-view.ts'
import { type FeedNumber, feedNumber } from '../model/position.ts'
import { registrarRegion } from '../model/rendezvous.ts'
import type { RegionId, RegionNumber, Slot } from '../model/slot.ts'
import { type Build, buildSchema, FIRST_DATA_FORMAT } from './build.ts'
import { receiptKeySchema } from './receipt-keys.ts'

const text = z.string().min(1)
const regionNumberSchema = z.int().min(1).max(65_535)
const forbiddenSchema = z.strictObject({
  home: text.exactOptional(),
  store: text.exactOptional(),
  serve: text.exactOptional(),
})

const placementSchema = z.strictObject({
  id: text,
  name: text,
  prefix: z.string(),
  slots: z.int().min(1).max(65_535),
  groupBySegments: z.int().min(1).nullable(),
  homing: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('hint') }),
    z.strictObject({ kind: z.literal('hash') }),
    z.strictObject({ kind: z.literal('pinned'), region: text }),
    z.strictObject({
      kind: z.literal('prefix'),
      homes: z.array(z.strictObject({ prefix: text, region: text })),
    }),
  ]),
  outside: z.enum(['redirect', 'refuse']),
  anywhere: z.boolean(),
  law: z.array(text),
  ttlMs: z.int().min(1).max(timing.ttlMaxMs).exactOptional(),
  acks: z.union([z.int().min(2), z.enum(['quorum', 'all'])]).exactOptional(),
  rehome: z.strictObject({ after: z.int().min(1) }).exactOptional(),
  home: z.array(text).min(1),
  store: z.array(text).min(1),
  serve: z.array(text).min(1),
  forbidden: z.record(text, forbiddenSchema),
  claimed: z.strictObject({ assigned: z.array(text) }).exactOptional(),
  left: z.array(text).exactOptional(),
  since: z.record(text, z.int().min(1)).exactOptional(),
})

export const policyDataSchema: z.ZodType<PolicyData> = z.strictObject({
  cluster: text,
  keeper: text,
  regions: z.array(
    z.strictObject({
      id: text,
      name: text,
      country: text,
      operator: text,
      operatorCountry: text,
      latitude: z.number(),
      longitude: z.number(),
    }),
  ),
  placements: z.array(placementSchema),
})

const memberSchema = z.strictObject({
  /** Never reused: the high half of the region's feed numbers. */
  number: regionNumberSchema,
  /** Which of the region's feeds is open: 1 until a fail-over gives it a new one. */
  opening: z.int().min(1).max(65_535),
  /** The node that serves the region; null until it has joined. */
  nodeId: text.nullable(),
  /** Public base URL, as the node advertises it. */
  url: text.nullable(),
  /** What the node ran when it last joined. */
  build: buildSchema.exactOptional(),
})

const registrarsSchema = z.record(
  text,
  z.strictObject({ epoch: z.int().min(1), slots: z.array(regionNumberSchema) }),
)
export type Registrars = z.infer<typeof registrarsSchema>

const policyChangeSchema = z.strictObject({
  policy: policyDataSchema,
  policyEpoch: z.int().min(2),
  phase: z.enum(phases),
  /** Wall-clock ms, for people. */
  beganMs: z.int().min(0),
  registrars: registrarsSchema,
  /** Known from the phase `erase` on. */
  leftCopies: z.array(leftCopySchema),
})
export type PolicyChangeRecord = z.infer<typeof policyChangeSchema>

export const clusterRecordSchema = z.strictObject({
  format: z.literal(1),
  clusterId: text,
  keeperEpoch: z.int().min(1),
  revision: z.int().min(1),
  policyEpoch: z.int().min(1),
  /** Wall-clock ms, for people; absent in records that were written before it was kept. */
  inForceSinceMs: z.int().min(0).exactOptional(),
  /** What data directories hold and regions send each other is written as this format says. */
  dataFormat: z.int().min(1).default(FIRST_DATA_FORMAT),
  current: policyDataSchema,
  members: z.record(text, memberSchema),
  registrars: registrarsSchema,
  /** The policy that is on its way into force. */
  next: policyChangeSchema.exactOptional(),
  lastChange: lastChangeSchema.exactOptional(),
  /**
   * By dataset and region: where the feeds of a region ended that stored the dataset once. It goes
   * on from there if it ever does again, as other regions are complete up to them.
   */
  closedFeeds: z.record(text, z.record(text, z.array(z.int().min(0)))).exactOptional(),
  /** 32 random bytes, hexadecimal: session tokens are MACed with it. */
  sessionKey: z.string().regex(/^[0-9a-f]{64}$/),
  /** Of the format that has receipts; the one that signs is the last. */
  receiptKeys: z.array(receiptKeySchema).exactOptional(),
})

export type ClusterRecord = z.infer<typeof clusterRecordSchema>
export type Member = z.infer<typeof memberSchema>

/** The order of records: keeper epoch first. */
export interface RecordOrder {
  readonly keeperEpoch: number
  readonly revision: number
}

export const compareOrder = (a: RecordOrder, b: RecordOrder): number =>
  a.keeperEpoch === b.keeperEpoch ? a.revision - b.revision : a.keeperEpoch - b.keeperEpoch

/** The first record of a new cluster. */
export function foundCluster(
  policy: PolicyData,
  hasher: Hasher,
  begin: Pick<ClusterRecord, 'clusterId' | 'sessionKey' | 'dataFormat' | 'inForceSinceMs'>,
): ClusterRecord {
  const numbers = new Map(policy.regions.map(({ id }, index) => [id, index + 1]))
  const members = Object.fromEntries(
    [...numbers].map(([id, number]) => [id, { number, opening: 1, nodeId: null, url: null }]),
  )
  const registrars = Object.fromEntries(
    policy.placements.map(({ id, slots, home }) => [
      id,
      { epoch: 1, slots: registrarSlots(hasher, id, slots, home, numbers) },
    ]),
  )
  return {
    format: 1,
    ...begin,
    keeperEpoch: 1,
    revision: 1,
    policyEpoch: 1,
    current: policy,
    members,
    registrars,
  }
}

export const registrarSlots = (
  hasher: Hasher,
  dataset: string,
  slots: number,
  candidates: readonly RegionId[],
  numbers: ReadonlyMap<RegionId, RegionNumber>,
): RegionNumber[] =>
  Array.from({ length: slots }, (_, slot) => {
    return numbers.get(registrarRegion(hasher, dataset, slot, candidates)) as RegionNumber
  })

/** What a node says of itself when it joins. */
export interface Joining {
  readonly nodeId: string
  readonly url: string
  readonly build: Build
}

/** Whether the record has the node as it is: nothing is to be changed for it. */
export const hasMember = (
  { members }: ClusterRecord,
  region: RegionId,
  { nodeId, url, build }: Joining,
): boolean => {
  const member = members[region]
  return (
    member?.nodeId === nodeId &&
    member.url === url &&
    member.build?.version === build.version &&
    member.build.newest === build.newest
  )
}

/** A record with one region's node entered: what a join changes. */
export function withMember(
  record: ClusterRecord,
  region: RegionId,
  change: Joining,
): ClusterRecord {
  const member = record.members[region] as Member
  return {
    ...record,
    revision: record.revision + 1,
    members: { ...record.members, [region]: { ...member, ...change } },
  }
}

/** A record with another data format in force. */
export const withDataFormat = (record: ClusterRecord, dataFormat: number): ClusterRecord => ({
  ...record,
  revision: record.revision + 1,
  dataFormat,
})

export function feedOf({ members }: ClusterRecord, region: RegionId): FeedNumber {
  const member = members[region]
  assert(member, `region ${region} is a member`)
  return memberFeed(member)
}

/** The region that hosts a feed; undefined where no member does. */
export const hostOf = ({ members }: ClusterRecord, feed: FeedNumber): RegionId | undefined =>
  Object.entries(members).find(([, member]) => memberFeed(member) === feed)?.[0]

export const memberFeed = ({ number, opening }: Member): FeedNumber => feedNumber(number, opening)

/** The registrars move before anything else does. */
export const registrarsInForce = ({ registrars, next }: ClusterRecord): Registrars =>
  next && isFrom(next.phase, 'copy') ? { ...registrars, ...next.registrars } : registrars

/** Who was registrar before, where another region takes over from it. */
export function registrarBefore(
  { registrars, members, next }: ClusterRecord,
  dataset: string,
  slot: Slot,
): RegionId | undefined {
  const [before, after] = [registrars[dataset], next?.registrars[dataset]]
  if (!next || !isFrom(next.phase, 'copy') || !before || !after) return undefined
  const number = before.slots[slot]
  if (number === after.slots[slot]) return undefined
  return Object.entries(members).find(([, member]) => member.number === number)?.[0]
}

/** How far a region is by a record: two regions differ by one step at most. */
export const policyStep = ({ policyEpoch, next }: ClusterRecord): PolicyStep =>
  next ? { policyEpoch: next.policyEpoch, phase: next.phase } : { policyEpoch, phase: 'erase' }

export interface PolicyStep {
  readonly policyEpoch: number
  readonly phase: Phase
}

/** What regions act by. */
export const policyInEffect = ({ current, next }: ClusterRecord): PolicyData =>
  effectivePolicy(current, next)

export function registrarOf(
  record: ClusterRecord,
  dataset: string,
  slot: Slot,
): { region: RegionId; epoch: number } | undefined {
  const registrar = registrarsInForce(record)[dataset]
  const number = registrar?.slots[slot]
  const found = Object.entries(record.members).find(([, member]) => member.number === number)
  return registrar && found && { region: found[0], epoch: registrar.epoch }
}
