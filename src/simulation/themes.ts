/**
 * What a world is about, beside what every one is: of twelve ten have a theme, a few types of
 * messages that are sent seldom. There is more of what brings them about, and faults are aimed at
 * them, of every kind. Themes take turns by the number of the seed.
 */
import type { PolicyData } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import type { Disturbance, Upkeep } from './disturbances.ts'
import { answersOf, type Cell, cells, dataCalls } from './message-types.ts'
import { mayStray } from './misplaced-asks.ts'
import { drawPolicyChanges } from './policy-changes.ts'
import type { SeededRandom } from './seeded-random.ts'

/** What there is more of. */
export type Stress = 'cuts' | 'damage' | 'deaths' | 'policies' | 'strangers' | Upkeep
/** What clients do without being judged by it. */
export type Look = 'list' | 'list at home' | 'explain' | 'move'

export interface Theme {
  readonly messages: readonly string[]
  readonly calls: readonly string[]
  readonly stress: readonly Stress[]
  readonly looks: readonly Look[]
  /** Calls that are to be refused come four times as often: few others are. */
  readonly refusing: boolean
  /** Its regions are founded amid all of it. */
  readonly founding: boolean
  readonly erasing: boolean
  /** Groups go to other partitions. */
  readonly moving: boolean
  /** Sessions travel right behind news. */
  readonly travelling: boolean
  /** Regions come and retire, as they do in one of five others. */
  readonly growing: boolean
}

const theme = (
  calls: readonly string[],
  {
    stress = [],
    looks = [],
    others = [],
    only,
    ...is
  }: {
    readonly stress?: readonly Stress[]
    readonly looks?: readonly Look[]
    readonly refusing?: true
    readonly others?: readonly string[]
    /** Of what belongs to its calls. Default: all of it. */
    readonly only?: string
    readonly founding?: true
    readonly erasing?: true
    readonly moving?: true
    readonly travelling?: true
    readonly growing?: true
  },
): Theme => ({
  ...{ calls, stress, looks, refusing: false },
  ...{ founding: false, erasing: false, moving: false, travelling: false, growing: false, ...is },
  messages: [
    ...calls.flatMap(answersOf).filter(type => only === undefined || type.startsWith(only)),
    ...others,
  ],
})

const streams = ['follow', 'following', 'ack', 'poll', 'polled', 'chunk']

const themes: readonly Theme[] = [
  theme(['coordination.read', 'coordination.join'], {
    ...{ founding: true, stress: ['deaths'], others: ['hello'] },
  }),
  theme(['coordination.learn', 'coordination.receiptKey'], { stress: ['receipts', 'policies'] }),
  theme(['coordination.build', 'coordination.finalize'], { stress: ['format'] }),
  theme(['change'], { stress: ['view', 'policies'] }),
  theme(['list', 'inspect'], { looks: ['list', 'list at home', 'explain'] }),
  theme(['relay.list'], {
    ...{ stress: ['cuts'], looks: ['list at home'] },
    others: ['request relayed.list'],
  }),
  theme(['relayed.list'], {
    ...{ only: 'reply', others: ['failure relayed.list'] },
    stress: ['cuts'],
    looks: ['list at home'],
  }),
  theme(['relay.inspect', 'relayed.inspect'], { stress: ['cuts'], looks: ['explain'] }),
  theme(['relay.execute', 'relayed.execute'], { stress: ['cuts'] }),
  theme(['relay.registrar', 'relayed.registrar'], { stress: ['cuts'] }),
  theme(['compare.page', 'compare.digests'], { stress: ['damage'], refusing: true }),
  theme(['compare.witness'], { stress: ['damage'] }),
  theme(['repair'], {
    ...{ only: 'failure', others: ['reply repair'], refusing: true },
    stress: ['damage', 'policies'],
  }),
  theme(['erase', 'rehome'], { erasing: true, looks: ['move'] }),
  theme(['policy'], { stress: ['policies'] }),
  theme(['execute', 'registrar'], { only: 'failure', stress: ['policies'] }),
  theme([], { stress: ['strangers'], others: ['refusal', 'hello', 'ping', 'pong'] }),
  theme([], { growing: true }),
  theme(['coordination.join'], { only: 'reply', growing: true, looks: ['list'] }),
  theme([], { travelling: true, others: streams.map(type => `stream ${type}`) }),
]

/** That of one seed in twelve: groups that move are in no other world. */
const moving = theme(['hold'], { moving: true })

export const allThemes: readonly Theme[] = [...themes, moving]

/** In each four seeds three have the same theme; of three that are left one is about moves. */
export function themeOf(seed: number): Theme | undefined {
  if (seed % 4 !== 3) return themes[Math.floor(seed / 4) % themes.length]
  return seed % 3 === 1 ? moving : undefined
}

export interface ThemeDraw {
  readonly random: SeededRandom
  readonly policy: PolicyData
  readonly forMs: number
}

/** Messages of a cell that are to suffer in one world. */
const TIMES = 5

/** What its theme does to a world, in no order. */
export function drawTheme(of: Theme, draw: ThemeDraw): Disturbance[] {
  return [
    ...of.stress.flatMap(stress => stresses[stress](draw)),
    ...each(of.refusing ? REFUSED_EVERY_MS : MISPLACED_EVERY_MS, draw, at => misplaced(of, at)),
    ...cells.filter(({ message }) => of.messages.includes(message)).map(cell => aimAt(cell, draw)),
  ]
}

const aimAt = (cell: Cell, { random }: ThemeDraw): Disturbance => ({
  ...{ kind: 'aim', atMs: 0, forMs: 0, ...cell, times: TIMES },
  oneIn: 1 + random.below(2),
})

interface Moment {
  readonly random: SeededRandom
  readonly atMs: number
  readonly region: RegionId
  /** Another one. */
  readonly other: RegionId
}

const MISPLACED_EVERY_MS = 400
const REFUSED_EVERY_MS = 100

function misplaced({ calls }: Theme, { random, atMs, region, other }: Moment): Disturbance[] {
  const possible = calls.filter(call => dataCalls.includes(call) || mayStray(call))
  if (possible.length === 0) return []
  const call = random.pick(possible)
  if (dataCalls.includes(call)) return [{ kind: 'trespass', atMs, forMs: 0, region, call }]
  return [{ kind: 'stray', atMs, forMs: 0, region, to: other, call }]
}

const CUTS_MS = 9_000

const linesOf = ({ policy: { regions } }: ThemeDraw): number =>
  (regions.length * (regions.length - 1)) / 2

const stresses: Readonly<Record<Stress, (draw: ThemeDraw) => Disturbance[]>> = {
  // About a third of all lines at a time: of three regions, one, and the others go round it.
  cuts: draw =>
    each(CUTS_MS / linesOf(draw), draw, ({ random, atMs, region, other }) => [
      {
        ...{ kind: random.oneIn(2) ? 'cut' : 'one-way cut', atMs, from: region, to: other },
        forMs: random.between(1_500, 5_000),
      },
    ]),
  damage: draw =>
    each(500, draw, ({ random, atMs, region }) => [
      { kind: random.oneIn(2) ? 'rot' : 'loss', atMs, forMs: 0, region },
    ]),
  deaths: draw =>
    each(1_200, draw, ({ random, atMs, region }) => [
      { kind: 'kill', atMs, region, forMs: random.between(20, 500) },
    ]),
  policies: draw =>
    drawPolicyChanges({ ...draw, everyMs: 6_000 }).map(change => ({
      ...change,
      at: draw.random.pick(draw.policy.regions).id,
    })),
  format: draw => upkeep('format', draw),
  receipts: draw => upkeep('receipts', draw),
  view: draw => upkeep('view', draw),
  strangers: draw =>
    each(700, draw, ({ random, atMs, region }) => [
      { kind: 'stranger', atMs, region, feeds: true, forMs: random.between(1_000, 4_000) },
    ]),
}

const upkeep = (what: Upkeep, draw: ThemeDraw): Disturbance[] =>
  each(250, draw, ({ atMs, region }) => [{ kind: 'upkeep', atMs, forMs: 0, region, what }])

/** Something each `everyMs`, on average. */
function each(
  everyMs: number,
  { random, policy, forMs }: ThemeDraw,
  what: (at: Moment) => Disturbance[],
): Disturbance[] {
  const regions = policy.regions.map(({ id }) => id)
  const drawn: Disturbance[] = []
  for (let atMs = 0; ; ) {
    atMs += random.between(0, 2 * everyMs)
    if (atMs > forMs) return drawn
    const region = random.pick(regions)
    const other = random.pick(regions.filter(candidate => candidate !== region))
    drawn.push(...what({ random, atMs, region, other }))
  }
}
