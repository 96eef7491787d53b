/**
 * Re-homing of a group from A, its home at term t, to B, as two state machines: events in, effects
 * out, one effect at a time. docs/PROTOCOL.md says what each step prevents.
 *
 *   A   look up → ask B → stop (durable, position p) → hand over ──┐ B is home, at t'
 *                                                        │ failed  │
 *                                                        └→ compare-and-set t → A → mark → A again
 *   B   wait until complete up to p, and to all that A had to have → compare-and-set t → B → mark
 *
 * What is durable decides, never what a machine remembers: the marker at A and its copy at B, the
 * registrar's entry, the marker of the next home. So either side can begin again after a crash, and
 * as many of these machines as like may run for one group at a time.
 */
import type { RegionId } from '../model/slot.ts'

/** A home as the registrar, or its own marker, tells it. */
export interface TermHome {
  readonly region: RegionId
  readonly term: number
}

/** What the two sides have in common: who asks, and of which term the end is meant. */
export interface MoveOf {
  readonly self: RegionId
  /** Of the home that stops. */
  readonly term: number
}

/** How a move ended. Of all but `refused`, the group was stopped under its term for good. */
export type MoveEnd =
  /** Nothing was changed. */
  | { readonly kind: 'refused'; readonly why: Refusal }
  /** Whoever is home now, at a later term. */
  | { readonly kind: 'settled'; readonly home: TermHome }
  /** Nobody is home as yet: somebody has to go on later. */
  | { readonly kind: 'unsettled' }

export type Refusal = 'registrar_unavailable' | 'taker_unreachable' | 'taker_behind' | 'not_home'

export type HomeState =
  | 'lookingUp'
  | 'asking'
  | 'stopping'
  | 'handingOver'
  | 'claimingBack'
  | 'marking'
  | 'ended'

export type HomeEffect =
  /** Ask the registrar who is home. Answer: `registered`. */
  | { readonly kind: 'lookUp' }
  /** Ask B how many changes it lacks. Answer: `lag`. */
  | { readonly kind: 'ask' }
  /** Write the marker. Answer: `stopped`, `notHome`. */
  | { readonly kind: 'stop' }
  /** Ask B to take over. Answer: `home`. */
  | { readonly kind: 'handOver' }
  /** Compare-and-set at the registrar, for this region. Answer: `registered`. */
  | { readonly kind: 'claim' }
  /** Write the marker of this region's next term. Answer: `home`, `lacking`. */
  | { readonly kind: 'mark'; readonly home: TermHome }
  | { readonly kind: 'end'; readonly end: MoveEnd }

export type MoveEvent =
  /** By whom the group is registered; null: by nobody that the registrar knows. */
  | { readonly kind: 'registered'; readonly home: TermHome | null }
  | { readonly kind: 'lag'; readonly changes: number }
  | { readonly kind: 'stopped' }
  /** This region is not the home at that term. */
  | { readonly kind: 'notHome' }
  /** Somebody acts as home. */
  | { readonly kind: 'home'; readonly home: TermHome }
  /** This copy lacks something that it has to have. */
  | { readonly kind: 'lacking' }
  /** Nothing came of the effect, as far as can be known. */
  | { readonly kind: 'failed' }

export interface Step<State, Effect> {
  readonly state: State
  readonly effect: Effect
}
type HomeStep = Step<HomeState, HomeEffect>

/** A move that begins. */
export const beginMove: HomeStep = { state: 'lookingUp', effect: { kind: 'lookUp' } }
/** One that goes on: the home has stopped. */
export const goOnWithMove: HomeStep = { state: 'handingOver', effect: { kind: 'handOver' } }

const ended = (end: MoveEnd): HomeStep => ({ state: 'ended', effect: { kind: 'end', end } })
const refused = (why: Refusal): HomeStep => ended({ kind: 'refused', why })
const unsettled = ended({ kind: 'unsettled' })
const settled = (home: TermHome): HomeStep => ended({ kind: 'settled', home })

export interface HomeSide extends MoveOf {
  /** Changes that B may lack when A stops. */
  readonly lagMax: number
  /** The registrar need not know a home that the policy computes. */
  readonly isComputed: boolean
}

/** A's side. */
export function stepHome(of: HomeSide, state: HomeState, event: MoveEvent): HomeStep {
  switch (state) {
    case 'lookingUp': {
      // A registrar that can't be reached could not let anybody go on after the stop.
      if (event.kind !== 'registered') return refused('registrar_unavailable')
      const isExpected = event.home ? event.home.term === of.term : of.isComputed && of.term === 0
      return isExpected ? { state: 'asking', effect: { kind: 'ask' } } : refused('not_home')
    }
    case 'asking':
      if (event.kind !== 'lag') return refused('taker_unreachable')
      if (event.changes > of.lagMax) return refused('taker_behind')
      return { state: 'stopping', effect: { kind: 'stop' } }
    case 'stopping':
      return event.kind === 'stopped' ? goOnWithMove : refused('not_home')
    case 'handingOver':
      if (event.kind !== 'home') return { state: 'claimingBack', effect: { kind: 'claim' } }
      return found(of, event.home)
    case 'claimingBack':
      if (event.kind !== 'registered' || !event.home) return unsettled
      return found(of, event.home)
    case 'marking':
      return event.kind === 'home' ? settled(event.home) : unsettled
    case 'ended':
      return unsettled
  }
}

/** A later home is known: if it is this region, it has to say so durably before it acts as one. */
function found({ self, term }: MoveOf, home: TermHome): HomeStep {
  if (home.term <= term) return unsettled
  return home.region === self ? { state: 'marking', effect: { kind: 'mark', home } } : settled(home)
}

export type TakerState = 'looking' | 'waiting' | 'claiming' | 'marking' | 'ended'

export type TakerEffect =
  /** Look at this copy. Answer: `complete`, `lacking`, `home`. */
  | { readonly kind: 'look' }
  /** Until the copy has grown, or a while. Answer: `grown`; `failed` once there is no more time. */
  | { readonly kind: 'wait' }
  | Extract<HomeEffect, { kind: 'claim' | 'mark' | 'end' }>

export type TakerEvent =
  | MoveEvent
  /** The copy has the marker that stops A, and all that A had. */
  | { readonly kind: 'complete' }
  | { readonly kind: 'grown' }

type TakerStep = Step<TakerState, TakerEffect>

export const beginTaking: TakerStep = { state: 'looking', effect: { kind: 'look' } }

const takerEnd = (end: MoveEnd): TakerStep => ({ state: 'ended', effect: { kind: 'end', end } })

/** B's side. */
export function stepTaker(of: MoveOf, state: TakerState, event: TakerEvent): TakerStep {
  switch (state) {
    case 'looking':
      if (event.kind === 'complete') return { state: 'claiming', effect: { kind: 'claim' } }
      if (event.kind === 'home') return takerEnd({ kind: 'settled', home: event.home })
      return event.kind === 'lacking' ? waits : gaveUp
    case 'waiting':
      return event.kind === 'grown' ? beginTaking : gaveUp
    case 'claiming': {
      if (event.kind !== 'registered' || !event.home || event.home.term <= of.term) return gaveUp
      const { home } = event
      return home.region === of.self
        ? { state: 'marking', effect: { kind: 'mark', home } }
        : takerEnd({ kind: 'settled', home })
    }
    case 'marking':
      if (event.kind === 'home') return takerEnd({ kind: 'settled', home: event.home })
      return event.kind === 'lacking' ? waits : gaveUp
    case 'ended':
      return gaveUp
  }
}

const waits: TakerStep = { state: 'waiting', effect: { kind: 'wait' } }
const gaveUp = takerEnd({ kind: 'unsettled' })
