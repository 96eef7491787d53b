import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { estimateRttMs } from '../../src/model/distance.ts'
import { planetDefaults } from '../../src/simulation/planet/parameters.ts'
import { strategyIds } from '../../src/simulation/planet/report.ts'
import { cities, of, play, quiet, regions } from './planet-world.ts'

const { lastMileMs, commitMs, valueBytes, envelopeBytes } = planetDefaults

const isClose = (value: number, expected: number, what: string): void => {
  assert.ok(Math.abs(value - expected) < 1e-6, `${what}: ${value}, expected ${expected}`)
}

/** Between the doors of two of the regions. */
const rttMs = (a: number, b: number): number =>
  a === b ? 0 : estimateRttMs(regions[a] as Site, regions[b] as Site)
type Site = Parameters<typeof estimateRttMs>[0]

/** A device in a city at the door of a region, to that region and back. */
const accessMs = lastMileMs + estimateRttMs(regions[0] as Site, regions[0] as Site)

test('the same seed gives the same report, another seed another', async () => {
  const users = 500
  const [one, again] = [await play({ users }), await play({ users })]
  const other = await play({ users }, { seed: 2 })
  assert.equal(again, one)
  assert.not.equal(other.strategies, one.strategies)
})

test('without visits and travel, every write after the first is local', async () => {
  const report = await play(quiet)
  const homing = of(report, 'homing')
  isClose(homing.latency.p90Ms, Math.floor(10 * (accessMs + commitMs)) / 10, 'p90 of homing')
  isClose(of(report, 'perfect').latency.meanMs, accessMs + commitMs, 'perfect placement')
  assert.is(homing.moves, 0)
  assert.equal(of(report, 'homing-fixed'), { ...homing, id: 'homing-fixed' })
})

test('a first write takes a trip to the registrar, which may be the region itself', async () => {
  const report = await play({ ...quiet, users: 3_000 })
  const { firstWrites } = of(report, 'homing')
  assert.is(firstWrites.writes, 3_000)
  const atMost = accessMs + 2 * commitMs + Math.max(rttMs(0, 1), rttMs(0, 2), rttMs(1, 2))
  const atLeast = accessMs + 2 * commitMs
  assert.ok(firstWrites.p50Ms > atLeast + rttMs(0, 1) / 2, 'half of all go far')
  assert.ok(firstWrites.p99Ms <= atMost)
  // A third of the registrars of those who live at each region are there, about.
  const expectedMs = report.regions.reduce((sum, { writes }, from) => {
    const trips = regions.map((_, registrar) => rttMs(from, registrar))
    return sum + (writes / report.writes) * (trips.reduce((a, b) => a + b) / 3)
  }, atLeast)
  assert.ok(Math.abs(firstWrites.meanMs / expectedMs - 1) < 0.1, `${firstWrites.meanMs}`)
  isClose(of(report, 'hash-homes').firstWrites.writes, 3_000, 'hash homes have first writes too')
  isClose(
    of(report, 'perfect').firstWrites.meanMs,
    accessMs + commitMs,
    'the oracle claims nothing',
  )
})

test('one global primary: worked out by hand', async () => {
  const report = await play(quiet)
  const primary = of(report, 'global-primary')
  const meanAt = (leader: number): number =>
    report.regions.reduce((sum, { writes }, from) => {
      const directMs = lastMileMs + estimateRttMs(regions[from] as Site, regions[leader] as Site)
      return sum + (writes / report.writes) * (directMs + commitMs)
    }, 0)
  const means = regions.map((_, leader) => meanAt(leader))
  isClose(primary.latency.meanMs, Math.min(...means), 'the best primary')
  assert.is(primary.leader, regions[means.indexOf(Math.min(...means))]?.id)
})

test('a majority of three regions is the leader and the region nearest to it', async () => {
  const report = await play(quiet)
  const quorum = of(report, 'majority-quorum')
  const leader = regions.findIndex(({ id }) => id === quorum.leader)
  const nearestMs = Math.min(...regions.map((_, n) => rttMs(leader, n)).filter(ms => ms > 0))
  const home = quorum.byRegion[quorum.leader as string]
  isClose(home?.meanMs as number, accessMs + nearestMs + commitMs, 'who lives at the leader')
})

test('bytes and their price: a copy to each other region from where the home is', async () => {
  const report = await play({ ...quiet, users: 50 })
  const copyBytes = 2 * (valueBytes + envelopeBytes)
  isClose(of(report, 'perfect').gbPerMillionWrites, copyBytes / 1e3, 'GB')
  const shareOf = (id: string): number =>
    (report.regions.find(region => region.id === id)?.writes as number) / report.writes
  const perGb = shareOf('america') * 0.02 + shareOf('europe') * 0.02 + shareOf('japan') * 0.09
  isClose(of(report, 'perfect').usdPerMillionWrites, (copyBytes / 1e3) * perGb, 'USD')
})

test('nobody is faster than who knows the future, and no home faster than the way to it', async () => {
  const report = await play({ users: 2_000, travellers: 0.5 })
  const meanMs = (id: (typeof strategyIds)[number]): number => of(report, id).latency.meanMs
  const perfect = meanMs('perfect')
  for (const id of ['homing', 'homing-fixed', 'global-primary', 'hash-homes'] as const) {
    assert.ok(meanMs(id) > perfect, `${id}: ${meanMs(id)}, perfect ${perfect}`)
  }
  for (const id of strategyIds) assert.ok(meanMs(id) >= meanMs('every-write-local'), id)
})

test('homes that stay where they were made lose where people move on', async () => {
  const moving = { users: 1_000, travellers: 1, locality: 1, tripSessionsMin: 20 }
  const report = await play({ ...moving, tripSessionsMax: 40, writesPerGroupMean: 200 })
  const fixed = of(report, 'homing-fixed').latency.meanMs
  const following = of(report, 'homing').latency.meanMs
  assert.ok(of(report, 'homing').moves > 1_000, 'there and back')
  assert.ok(following < fixed * 0.8, `${following} and ${fixed}`)
})

test('a rule that never counts far enough is no rule', async () => {
  const report = await play({ users: 300, travellers: 1, rehomeAfter: 1_000_000 })
  assert.equal(of(report, 'homing'), { ...of(report, 'homing-fixed'), id: 'homing' })
})

test('a write that comes while its group moves waits for the move', async () => {
  const hasty = { ...quiet, travellers: 1, sessionWritesMean: 1_000, writesPerGroupMean: 40 }
  const slow = await play({ ...hasty, tripSessionsMin: 1, thinkMsMean: 1_000_000 })
  const quick = await play({ ...hasty, tripSessionsMin: 1, thinkMsMean: 0.000_001 })
  assert.is(of(quick, 'homing').moves, of(slow, 'homing').moves)
  assert.ok(of(quick, 'homing').latency.meanMs > of(slow, 'homing').latency.meanMs)
  assert.is(of(quick, 'homing-fixed').latency.meanMs, of(slow, 'homing-fixed').latency.meanMs)
})

test('people of one region alone: everything is local but the registrar', async () => {
  const report = await play({ users: 100, travellers: 1 }, { cities: cities.slice(0, 1) })
  assert.is(of(report, 'homing').moves, 0)
  assert.is(of(report, 'global-primary').leader, regions[0]?.id)
})

test('traces are as the parameters say', async () => {
  const report = await play({ users: 2_000 })
  assert.ok(Math.abs(report.mainRegionShare - planetDefaults.locality) < 0.02)
  const away = await play({ users: 2_000, travellers: 1, locality: 1 })
  assert.ok(away.tripShare > 5 * report.tripShare, 'ten times as many travel')
  assert.is((await play(quiet)).mainRegionShare, 1)
})

test.run()
