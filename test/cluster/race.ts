/**
 * Races of two writers for one new key, and the check that every reply was truthful: what was
 * answered with success is there or was overwritten by a later version, what was answered with
 * "nothing applied" is not, and all regions agree on one home and one value.
 */
import * as assert from 'uvu/assert'
import type { World } from '../worlds/world.ts'
import {
  at,
  type BatchResult,
  batch,
  compareEtags,
  eachOf,
  explain,
  problemOf,
  put,
  type Reply,
  strong,
  versionOf,
} from './client.ts'

export interface Racer {
  readonly region: string
  readonly value: string
}

export interface Race {
  readonly key: string
  readonly racers: readonly [Racer, Racer]
}

export interface Finish extends Race {
  /** In the order of the racers. */
  readonly replies: readonly Reply[]
}

/** Each key through two different regions; all pairs take turns, and either region is first. */
export function planRaces(prefix: string, count: number, regions: readonly string[]): Race[] {
  const pairs = regions.flatMap(a => regions.filter(b => b !== a).map(b => [a, b] as const))
  return Array.from({ length: count }, (_, index) => {
    const key = `${prefix}${index}`
    const [a, b] = at(pairs, index % pairs.length)
    const racer = (region: string): Racer => ({ region, value: `${key} through ${region}` })
    return { key, racers: [racer(a), racer(b)] }
  })
}

const width = 64

export const runRaces = (
  world: World,
  dataset: string,
  races: readonly Race[],
  onFinish: () => void = () => {},
): Promise<Finish[]> =>
  eachOf(races, width, async race => {
    const replies = await Promise.all(
      race.racers.map(({ region, value }) => put(world, region, `${dataset} ${race.key}`, value)),
    )
    onFinish()
    return { ...race, replies }
  })

/** What a reply says of its write: made, not made, or perhaps. */
function claimOf(reply: Reply): 'applied' | 'not applied' | 'unknown' {
  if (reply.status === 0) return 'unknown'
  if (reply.status === 201 || reply.status === 204) return 'applied'
  const { code, applied } = problemOf(reply)
  if (reply.status === 503) {
    assert.is(applied, 'no', reply.text)
    return 'not applied'
  }
  assert.is(`${reply.status} ${code} ${applied}`, '500 outcome_unknown unknown', reply.text)
  return 'unknown'
}

export interface Tally {
  readonly applied: number
  readonly notApplied: number
  readonly unknown: number
  readonly absent: number
  /** Keys whose registrar was neither of the two regions. */
  readonly thirdRegistrar: number
  readonly homes: Readonly<Record<string, number>>
}

/** Checks all races against what every region now says. Throws at the first lie. */
export async function judge(
  world: World,
  dataset: string,
  finishes: readonly Finish[],
): Promise<Tally> {
  const gets = finishes.map(({ key }) => ({ op: 'get', key }))
  const tables = await Promise.all(
    world.regions.map(region => batch(world, region, dataset, gets, strong)),
  )
  const explanations = await eachOf(finishes, width, ({ key }, index) =>
    explain(world, at(world.regions, index % world.regions.length), `${dataset} ${key}`),
  )
  const tally = { applied: 0, notApplied: 0, unknown: 0, absent: 0, thirdRegistrar: 0 }
  const count: Record<string, number> = {}
  finishes.forEach((finish, index) => {
    const seen = tables.map(table => at(table, index))
    for (const one of seen) assert.equal(one, seen[0], `${finish.key}: regions disagree`)
    const claims = finish.replies.map(claimOf)
    checkTruth(finish, claims, at(seen, 0))
    tally.applied += claims.filter(claim => claim === 'applied').length
    tally.notApplied += claims.filter(claim => claim === 'not applied').length
    tally.unknown += claims.filter(claim => claim === 'unknown').length
    if (at(seen, 0).status === 404) tally.absent += 1
    const { home, registrar } = at(explanations, index)
    assert.ok(registrar, 'a hinted dataset has registrars')
    checkHome(finish, at(seen, 0).home, home?.region)
    const regions = finish.racers.map(({ region }) => region)
    if (!regions.includes(registrar ?? '')) tally.thirdRegistrar += 1
    if (home) count[home.region] = (count[home.region] ?? 0) + 1
  })
  return { ...tally, homes: count }
}

function checkTruth(
  { key, racers, replies }: Finish,
  claims: readonly string[],
  final: BatchResult,
): void {
  const applied = replies.filter((_, index) => claims[index] === 'applied')
  for (const reply of applied) {
    // Not the first write of the key: then the other one was made.
    const other = claims[1 - replies.indexOf(reply)]
    if (reply.status === 204) assert.is.not(other, 'not applied', `${key}: 503, but applied`)
  }
  const created = applied.filter(({ status }) => status === 201)
  if (applied.length === 2) assert.is(created.length, 1, `${key}: one write creates the key`)
  if (final.status === 404) {
    assert.is(applied.length, 0, `${key}: acknowledged, but absent`)
    return
  }
  assert.is(final.status, 200, `${key}: ${JSON.stringify(final)}`)
  const value = Buffer.from(final.bytes ?? '', 'base64url').toString()
  const winner = racers.findIndex(racer => racer.value === value)
  assert.ok(winner >= 0, `${key}: a value that nobody wrote: ${value}`)
  assert.is.not(claims[winner], 'not applied', `${key}: 503, but applied`)
  for (const reply of applied) {
    assert.is(versionOf(reply).term, versionOf(final).term, `${key}: two terms of one home`)
    const later = compareEtags(final, reply)
    if (reply === replies[winner]) assert.is(later, 0, `${key}: the version that was answered`)
    else assert.ok(later > 0, `${key}: lost without being overwritten`)
  }
}

/** One home: explain and the writes' replies name that of the strong reads, if there is one. */
function checkHome(
  { key, racers, replies }: Finish,
  home: string | undefined,
  explained: string | undefined,
): void {
  // A key without a value may have a home already: of a claim whose write never came.
  if (home !== undefined) assert.is(explained, home, `${key}: explain names another home`)
  for (const reply of replies) {
    if (reply.home !== undefined) assert.is(reply.home, explained, `${key}: a reply names another`)
  }
  if (explained === undefined) return
  assert.ok(
    racers.some(({ region }) => region === explained),
    `${key}: homed in ${explained}, where nobody wrote`,
  )
}
