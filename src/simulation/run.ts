/**
 * One run of a seed: a made-up world, clients and disturbances for some time; then everything
 * heals, comes to rest, and is looked at. What it resolves with is plain data, for checkers and
 * reports.
 */

import { estimateRttMs } from '../model/distance.ts'
import type { Hasher } from '../model/hash.ts'
import type { PolicyData, PolicyRegion } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import { type Disturbance, drawDisturbances } from './disturbances.ts'
import { Eraser } from './eraser.ts'
import type { FateCounts } from './fates.ts'
import { type History, newHeader, type OperationRecord } from './history.ts'
import { madeUpPolicy, newcomersTo } from './made-up-policy.ts'
import { Mover } from './mover.ts'
import { Nemesis } from './nemesis.ts'
import type {
  CopyChange,
  CopyRow,
  Departure,
  DurableState,
  ErasureSight,
  PolicyInForce,
  SeenBytes,
  Shortfall,
} from './observations.ts'
import { drawPolicyChanges } from './policy-changes.ts'
import { drawRegionChanges } from './region-changes.ts'
import { type SeededRandom, seededRandom } from './seeded-random.ts'
import { drawTheme, type Theme, type ThemeDraw, themeOf } from './themes.ts'
import { Travellers } from './travellers.ts'
import { Workload } from './workload.ts'
import { World } from './world.ts'

export interface RunOptions {
  readonly seed: number
  readonly hasher: Hasher
  /** How long clients and disturbances go on, in ms of the world's time. */
  readonly forMs: number
  /** False: no theme, which every fourth world has none of. Default: as the seed has it. */
  readonly themed?: boolean
  /** Other disturbances than those that the seed draws. */
  readonly disturbances?: readonly Disturbance[]
}

export interface RunResult {
  readonly seed: number
  readonly history: History
  readonly changes: readonly CopyChange[]
  readonly seen: readonly SeenBytes[]
  /** None in worlds without erasures. */
  readonly erasures: readonly ErasureSight[]
  /** None in worlds in which no group goes to another partition. */
  readonly departures: readonly Departure[]
  /** Of the levels of acknowledged writes. */
  readonly shortfalls: readonly Shortfall[]
  readonly policies: readonly PolicyInForce[]
  readonly atEnd: DurableState
  /** All copies were equal at the end. */
  readonly converged: boolean
  readonly complaints: readonly string[]
  readonly fates: FateCounts
  readonly disturbances: readonly Disturbance[]
  readonly homesMoved: number
  /** Records that copies lost behind their backs, and those of them that came again. */
  readonly recordsLost: number
  readonly recordsMended: number
  readonly policiesApplied: number
  readonly regionsAdded: number
  readonly regionsRetired: number
  /** Of the world's time. */
  readonly simulatedMs: number
  readonly events: number
}

const CLIENTS = 6
const THINK_MS = 450
/** Seeds below draw worlds, those from here on what is done to them by their themes. */
const THEME_SEEDS = 2 ** 31
const DISTURBED_EVERY_MS = 1_500
const POLICY_EVERY_MS = 15_000
/** How long a world may take to come up, to answer its last clients, and to come to rest. */
const PATIENCE_MS = 60_000
const LOOK_EVERY_MS = 500
/** From and to who is no region. */
const STRANGERS_DELAY_MS = 10

export async function runSeed({ seed, hasher, forMs, ...given }: RunOptions): Promise<RunResult> {
  const random = seededRandom(seed)
  // Of its own: a world without a theme is as it was before there were any.
  const themeRandom = seededRandom(seed + THEME_SEEDS)
  const theme = given.themed === false ? undefined : themeOf(seed)
  const policy = madeUpPolicy(random)
  const grows = theme?.growing || (theme && isGrowing(seed))
  const newcomers = grows ? newcomersTo(policy, 1 + themeRandom.below(2)) : []
  const delayMs = delays([...policy.regions, ...newcomers], random.fork())
  const world = new World({
    ...{ policy, newcomers, hasher, random: random.fork(), delayMs },
    addressesMove: theme?.founding ?? false,
  })
  const records: OperationRecord[] = []
  const { regions } = world
  const everyMs = DISTURBED_EVERY_MS
  const drawn = drawDisturbances({ random: random.fork(), regions, forMs, everyMs })
  const nemesisRandom = random.fork()
  // Some worlds are founded in peace.
  const peace = random.oneIn(2) && !theme?.founding
  for (const region of regions) world.start(region)
  if (peace) await world.time.run(PATIENCE_MS, () => world.allServe)
  const workload = new Workload({
    ...{ world, random: random.fork(), clients: CLIENTS, thinkMs: THINK_MS, records },
    looks: theme?.looks ?? [],
  })
  const changes = random.oneIn(2)
    ? drawPolicyChanges(policyDraws(random.fork(), policy, forMs))
    : []
  const more = theme ? drawMore(theme, { random: themeRandom, policy, newcomers, forMs }) : []
  const all = [...drawn, ...changes, ...more].sort((a, b) => a.atMs - b.atMs)
  const disturbances = given.disturbances ?? all
  const nemesis = new Nemesis({
    ...{ world, random: nemesisRandom, aimRandom: themeRandom.fork(), disturbances },
  })
  workload.start()
  // In some worlds: the others stay as they have been looked at for long.
  const eraser =
    isErased(seed) || theme?.erasing
      ? new Eraser({ world, random: random.fork(), records, moves: seed % 8 === 4 })
      : undefined
  eraser?.start()
  const mover = theme?.moving
    ? new Mover({ world, random: themeRandom.fork(), records })
    : undefined
  mover?.start()
  const travellers = theme?.travelling
    ? new Travellers({ world, random: themeRandom.fork(), records })
    : undefined
  travellers?.start()
  await world.time.run(world.time.nowMs + forMs)
  nemesis.stop()
  const converged = await comesToAnEnd(world, { workload, eraser, mover, travellers })
  for (const region of regions) world.watcher.lookAt(region, world.machine(region))
  const erases = eraser !== undefined || mover !== undefined

  return {
    ...{ seed, converged, complaints: world.complaints, fates: world.network.fates.counts() },
    history: { header: newHeader('simulation', seed), operations: records },
    ...{ changes: world.watcher.changes, seen: world.watcher.seen },
    erasures: eraser?.sights ?? [],
    departures: mover?.departures ?? [],
    shortfalls: world.disks.shortfalls,
    policies: world.watcher.policies,
    atEnd: { ...durableState(world), tombstonesCollected: erases },
    ...{
      disturbances,
      homesMoved: world.watcher.homesMoved,
      recordsLost: world.watcher.recordsLost,
      recordsMended: world.watcher.recordsMended,
      policiesApplied: world.governed.applied,
      regionsAdded: world.governed.regionsAdded,
      regionsRetired: world.governed.regionsRetired,
      simulatedMs: world.time.nowMs,
      events: world.time.happened,
    },
  }
}

interface Clients {
  readonly workload: Workload
  readonly eraser: Eraser | undefined
  readonly mover: Mover | undefined
  readonly travellers: Travellers | undefined
}

/** All that is under way ends, and all is read. True once all copies are equal. */
async function comesToAnEnd(world: World, clients: Clients): Promise<boolean> {
  const { workload, eraser, mover, travellers } = clients
  for (const each of [workload, eraser, mover, travellers]) {
    if (each) await until(world, each.stop())
  }
  // A home can't promise what it does not know that it has lost: that is mended before it is read.
  const isCalm = (): boolean => world.allServe && !world.governed.isChanging && !world.watcher.lacks
  await world.time.run(world.time.nowMs + PATIENCE_MS, isCalm)
  if (world.governed.isChanging) {
    world.complain(
      'all',
      `a change of the policy came to no end: ${await world.operators.waiting()}`,
    )
  }
  world.scrub()
  await until(world, workload.readAll())
  if (eraser) await until(world, eraser.lookAtAll())
  // Reading has told homes what has expired.
  return await comesToRest(world)
}

const policyDraws = (random: SeededRandom, policy: PolicyData, forMs: number) => ({
  ...{ random, policy, forMs, everyMs: POLICY_EVERY_MS },
})
/** What befalls worlds that have a theme. */
const drawMore = (
  theme: Theme,
  { random, ...draw }: ThemeDraw & { readonly newcomers: readonly PolicyRegion[] },
): Disturbance[] => [
  ...drawTheme(theme, { random: random.fork(), ...draw }),
  ...(draw.newcomers.length > 0 ? drawRegionChanges({ random: random.fork(), ...draw }) : []),
]

/** One world in four. */
const isErased = (seed: number): boolean => seed % 4 === 0

/** Of the worlds with a theme, beside those that are about it. */
const isGrowing = (seed: number): boolean => seed % 5 === 2

/** Some ways are long ones: what goes by way of a third region then comes before. */
const DETOURS = [1, 1, 1, 4, 10]

const delays = (regions: PolicyData['regions'], random: SeededRandom) => {
  const detours = new Map<string, number>()
  const places = new Map(regions.map(region => [region.id, region]))
  return (from: RegionId, to: RegionId): number => {
    const [a, b] = [places.get(from), places.get(to)]
    const detour = detours.get(`${from} ${to}`) ?? random.pick(DETOURS)
    detours.set(`${from} ${to}`, detour)
    return a && b ? (detour * estimateRttMs(a, b)) / 2 : STRANGERS_DELAY_MS
  }
}

/** Lets time pass until something has ended; it complains where that takes too long. */
async function until(world: World, task: Promise<unknown>): Promise<void> {
  let ended = false
  task.then(
    () => {
      ended = true
    },
    (error: unknown) => {
      ended = true
      world.complain('all', `the clients failed: ${(error as Error).stack}`)
    },
  )
  await world.time.run(world.time.nowMs + PATIENCE_MS, () => ended)
  if (!ended) world.complain('all', 'a request was never answered')
}

/** True once all copies of all datasets are equal. */
async function comesToRest(world: World): Promise<boolean> {
  const endMs = world.time.nowMs + PATIENCE_MS
  while (world.time.nowMs < endMs) {
    await world.time.run(world.time.nowMs + LOOK_EVERY_MS)
    if (copiesAreEqual(world)) return true
  }
  return false
}

function copiesAreEqual(world: World): boolean {
  const texts = new Map<string, string>()
  for (const region of world.regions) {
    const rows = world.watcher.rows(world.machine(region))
    for (const { id, data } of world.table.placements) {
      if (!data.store.includes(region)) continue
      const own = rows.filter(({ dataset }) => dataset === id)
      const text = textOf(own)
      if (own.some(({ version }) => version === 'damaged')) return false
      if ((texts.get(id) ?? text) !== text) return false
      texts.set(id, text)
    }
  }
  return true
}

const textOf = (rows: readonly CopyRow[]): string =>
  rows
    .map(({ key, version, value }) => `${key} ${version} ${value}`)
    .sort()
    .join('\n')

function durableState(world: World): Omit<DurableState, 'tombstonesCollected'> {
  const regions = new Map<RegionId, CopyRow[]>()
  for (const region of world.regions) {
    regions.set(region, world.watcher.rows(world.machine(region)))
  }
  const atMs = world.time.nowMs
  return { atMs, regions, lostDisks: new Set() }
}
