/** The state of the small world in which re-homing is explored: plain data. */
import type { HomeEffect, HomeState, TakerEffect, TakerState } from '../../src/movement/rehoming.ts'
import { stepHome, stepTaker } from '../../src/movement/rehoming.ts'
import { decideMove } from '../../src/routing/registrar.ts'
import { endsOf, type HomeMarker, tellsMore } from '../../src/storage/home-marker.ts'

/** Regions are numbers, and so are their feeds: the first is the home at term 0. */
export const names = ['one', 'two', 'three']

export type Entry =
  | { readonly kind: 'value'; readonly term: number; readonly value: number }
  | { readonly kind: 'marker'; readonly marker: HomeMarker }

export type Machine =
  | {
      readonly side: 'home'
      readonly region: number
      readonly term: number
      readonly to: number
      readonly state: HomeState
      readonly effect: HomeEffect
      /** The call is under way at the taker. */
      readonly called: boolean
    }
  | {
      readonly side: 'taker'
      readonly region: number
      readonly term: number
      readonly state: TakerState
      readonly effect: TakerEffect
    }
export type OneSide<Side> = Extract<Machine, { readonly side: Side }>

/** A call that its caller has given up, and that is executed all the same. */
export type Late =
  | { readonly kind: 'claim'; readonly region: number; readonly term: number }
  | { readonly kind: 'take'; readonly region: number; readonly term: number }

export interface World {
  /** What each region has written, durably. */
  readonly feeds: readonly (readonly Entry[])[]
  /** By follower and feed: entries that are applied. */
  readonly cursors: readonly (readonly number[])[]
  readonly registered: { readonly region: number; readonly term: number } | null
  readonly machines: readonly Machine[]
  readonly late: readonly Late[]
  /** Writes that were acknowledged. */
  readonly acknowledged: number
  readonly crashes: number
  readonly failures: number
  readonly moves: number
}

export interface Bounds {
  readonly writes: number
  readonly crashes: number
  readonly failures: number
  /** From, to, one after the other. */
  readonly moves: readonly (readonly [number, number])[]
}

/** What the world is built of; a test puts something worse in place of one. */
export interface Rules {
  readonly decide: typeof decideMove
  readonly tellsMore: typeof tellsMore
  readonly endsOf: typeof endsOf
  readonly stepHome: typeof stepHome
  readonly stepTaker: typeof stepTaker
}
export const rules: Rules = { decide: decideMove, tellsMore, endsOf, stepHome, stepTaker }

export interface Explored {
  readonly states: number
  /** Of states with nothing wrong: which regions were home in some. */
  readonly homes: ReadonlySet<string>
  readonly violation?: { readonly what: string; readonly world: World }
}

export const begin: World = {
  feeds: names.map((_, n) => (n === 0 ? [{ kind: 'value', term: 0, value: 0 }] : [])),
  cursors: names.map(() => names.map(() => 0)),
  registered: null,
  machines: [],
  late: [],
  ...{ acknowledged: 0, crashes: 0, failures: 0, moves: 0 },
}
