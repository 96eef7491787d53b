/** Carries out what the machines of rehoming.ts ask for: one side of a move, from begin to end. */
import { DenizenError } from '../model/errors.ts'
import { limits, timing } from '../model/limits.ts'
import type { Placement } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import { IMPLICIT_TERM } from '../model/version.ts'
import { type PeerCall, PeerFailure } from '../peers/peers.ts'
import type { Claims } from '../routing/claims.ts'
import type { Clock } from '../runtime/clock.ts'
import type { MoveReason } from '../storage/home-marker.ts'
import type { GroupHome } from '../storage/row-values.ts'
import type { ShardClient } from '../storage/shard-client.ts'
import { lagReplySchema, takeReplySchema } from './messages.ts'
import type { HomeState } from './move-rows.ts'
import {
  beginMove,
  beginTaking,
  goOnWithMove,
  type HomeEffect,
  type MoveEnd,
  type MoveEvent,
  type MoveOf,
  stepHome,
  stepTaker,
  type TakerEffect,
  type TakerEvent,
} from './rehoming.ts'
import type { MovementOperations } from './shard-operations.ts'

export interface SidesOptions {
  readonly self: RegionId
  readonly shards: ShardClient<MovementOperations>
  readonly claims: Claims
  readonly call: PeerCall
  readonly clock: Clock
}

/** What is moved. */
export interface Moving {
  readonly placement: Placement
  readonly group: string
  /** Of the home that stops. */
  readonly term: number
}

/** A move from here: all of it, or what comes after the stop. */
export interface MovingAway extends Moving {
  readonly to: RegionId
  /** Absent where the home has stopped already. */
  readonly why?: MoveReason
}

const failed: MoveEvent = { kind: 'failed' }

/** Two, where the registrar is as far away, and time for the rest. */
const HAND_OVER_TRIPS = 3

/** The shard's view of a group. */
export const stateOf = (
  { shards }: Pick<SidesOptions, 'shards'>,
  { placement, group }: Pick<Moving, 'placement' | 'group'>,
): Promise<HomeState> => shards.call(placement.id, placement.slotOf(group), 'homeState', { group })

/** What the outside keeps from an effect is an event; the rest is a bug. */
async function eventOf<Event>(task: Promise<Event>, otherwise: Event): Promise<Event> {
  try {
    return await task
  } catch (error) {
    if (error instanceof DenizenError || error instanceof PeerFailure) return otherwise
    throw error
  }
}

/** What both sides do. `granted` is what the registrar said last. */
class Side {
  protected readonly options: SidesOptions
  protected readonly moving: Moving
  #granted: GroupHome | undefined

  constructor(options: SidesOptions, moving: Moving) {
    this.options = options
    this.moving = moving
  }

  protected async claim(): Promise<MoveEvent> {
    const { placement, group, term } = this.moving
    const { self, claims } = this.options
    if (placement.mayHome(self)) return this.registered(await claims.move(placement, group, term))
    // The policy takes its homes from this region: whoever is to follow goes on. But what it was
    // granted before it takes, as nobody else can: from here the policy moves it on.
    const home = await claims.lookup(placement, group)
    return home && claims.known(home).region === self ? this.registered(home) : failed
  }

  protected registered(home: GroupHome | undefined): MoveEvent {
    this.#granted = home
    return { kind: 'registered', home: home ? this.options.claims.known(home) : null }
  }

  protected async mark(): Promise<MoveEvent> {
    const { shards, claims, self } = this.options
    const { placement, group } = this.moving
    // It was granted to a process before this one, and the other side has said so.
    const home = this.#granted ?? (await claims.lookup(placement, group))
    if (!home || claims.known(home).region !== self) return failed
    const slot = placement.slotOf(group)
    const taken = await shards.call(placement.id, slot, 'takeHome', { group, home })
    return taken ? { kind: 'home', home: taken } : { kind: 'lacking' }
  }
}

/** A's side. */
export class HomeMove extends Side {
  readonly #to: RegionId
  readonly #why: MoveReason | undefined
  /** A round trip to the other side, where it was asked something. */
  #tripMs = 0

  constructor(options: SidesOptions, moving: MovingAway) {
    super(options, moving)
    this.#to = moving.to
    this.#why = moving.why
  }

  async run(): Promise<MoveEnd> {
    const { placement, group, term } = this.moving
    const of = {
      ...{ self: this.options.self, term, lagMax: limits.moveLagChangesMax },
      isComputed: placement.computedHome(group) !== undefined && term === IMPLICIT_TERM,
    }
    let { state, effect } = this.#why ? beginMove : goOnWithMove
    while (effect.kind !== 'end') {
      const event = await eventOf(this.#perform(effect), failed)
      ;({ state, effect } = stepHome(of, state, event))
    }
    return effect.end
  }

  async #perform(effect: Exclude<HomeEffect, { kind: 'end' }>): Promise<MoveEvent> {
    const { placement, group } = this.moving
    switch (effect.kind) {
      case 'lookUp':
        return this.registered(await this.options.claims.lookup(placement, group))
      case 'ask':
        return await this.#ask()
      case 'stop':
        return await this.#stop()
      case 'handOver':
        return await this.#handOver()
      case 'claim':
        return await this.claim()
      case 'mark':
        return await this.mark()
    }
  }

  async #ask(): Promise<MoveEvent> {
    const { placement, group } = this.moving
    const { ends } = await stateOf(this.options, this.moving)
    const body = { kind: 'lag', dataset: placement.id, group, ends }
    const { call, clock } = this.options
    const options = { timeoutMs: timing.callTimeoutMs }
    const sentMs = clock.monotonicMs()
    const reply = await call(this.#to, 'rehome', body, options)
    this.#tripMs = clock.monotonicMs() - sentMs
    return { kind: 'lag', changes: lagReplySchema.parse(reply).changes }
  }

  async #stop(): Promise<MoveEvent> {
    const { placement, group, term } = this.moving
    if (!this.#why) return failed
    const slot = placement.slotOf(group)
    const request = { group, term, to: this.#to, why: this.#why }
    const isStopped = await this.options.shards.call(placement.id, slot, 'stopHome', request)
    return { kind: isStopped ? 'stopped' : 'notHome' }
  }

  /** The other side asks its registrar meanwhile: over a long line that takes longer than usual. */
  async #handOver(): Promise<MoveEvent> {
    const { placement, group, term } = this.moving
    const body = { kind: 'take', dataset: placement.id, group, term }
    const options = { timeoutMs: Math.max(timing.handOverMaxMs, HAND_OVER_TRIPS * this.#tripMs) }
    const { home } = takeReplySchema.parse(
      await this.options.call(this.#to, 'rehome', body, options),
    )
    return home ? { kind: 'home', home } : failed
  }
}

/** B's side. */
export class TakerMove extends Side {
  #pauseMs: number = timing.copyLookMinMs
  readonly #of: MoveOf
  readonly #deadlineMs: number

  constructor(options: SidesOptions, moving: Moving) {
    super(options, moving)
    this.#of = { self: options.self, term: moving.term }
    this.#deadlineMs = options.clock.monotonicMs() + timing.takeHomeMaxMs
  }

  async run(): Promise<MoveEnd> {
    const of = this.#of
    let { state, effect } = beginTaking
    while (effect.kind !== 'end') {
      const event = await eventOf(this.#perform(effect), failed)
      ;({ state, effect } = stepTaker(of, state, event))
    }
    return effect.end
  }

  async #perform(effect: Exclude<TakerEffect, { kind: 'end' }>): Promise<TakerEvent> {
    switch (effect.kind) {
      case 'look':
        return lookedAt(await stateOf(this.options, this.moving), this.#of)
      case 'wait':
        return await this.#wait()
      case 'claim':
        return await this.claim()
      case 'mark':
        return await this.mark()
    }
  }

  /** The copy grows by itself: it is looked at again soon. */
  async #wait(): Promise<TakerEvent> {
    const { clock } = this.options
    if (clock.monotonicMs() >= this.#deadlineMs) return failed
    const pauseMs = this.#pauseMs
    this.#pauseMs = Math.min(2 * pauseMs, timing.copyLookMaxMs)
    await new Promise<void>(resolve => clock.after(pauseMs, resolve))
    return { kind: 'grown' }
  }
}

/** What a look at a copy means to who is to follow the home of a term. */
function lookedAt(
  { home, marker, isHere, isComplete }: HomeState,
  { self, term }: MoveOf,
): TakerEvent {
  // This region may be home and lack something that homes before it have written.
  if (home && (isHere || (home.term > term && home.region !== self))) return { kind: 'home', home }
  const isStopped = marker?.term === term && marker.stopped !== undefined
  return { kind: isStopped && isComplete ? 'complete' : 'lacking' }
}
