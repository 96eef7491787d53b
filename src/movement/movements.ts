/**
 * Re-homing in one thread of a node: moves that operators and writers ask for, operations that wait
 * for a move's end, and the answers to other regions. What it remembers only saves work: the rows
 * decide (rehoming.ts).
 */
import type { KnownHome } from '../execution/home.ts'
import { Counter } from '../metrics/counter.ts'
import type { AccessRun } from '../model/access-runs.ts'
import { DenizenError } from '../model/errors.ts'
import { timing } from '../model/limits.ts'
import type { Placement, PlacementTable } from '../model/placement.ts'
import type { RegionId, RegionNumbers } from '../model/slot.ts'
import type { Moves } from '../routing/between-homes.ts'
import type { Topology } from '../routing/decide.ts'
import { refuseUnlessStored } from '../routing/named-home.ts'
import { placementAsked } from '../routing/receive.ts'
import { unanswered } from '../routing/unanswered.ts'
import type { MoveReason } from '../storage/home-marker.ts'
import { AccessMoves } from './access-moves.ts'
import {
  type MoveReply,
  moveReplySchema,
  type RehomeRequest,
  rehomeRequestSchema,
} from './messages.ts'
import type { HomeState } from './move-rows.ts'
import type { MoveEnd } from './rehoming.ts'
import { HomeMove, type SidesOptions, stateOf, TakerMove } from './sides.ts'
import { Unsettled } from './unsettled.ts'

export interface MovementsOptions extends SidesOptions {
  readonly table: () => PlacementTable
  readonly regions: () => RegionNumbers
  readonly reachable: (region: RegionId) => boolean
  readonly topology: Pick<Topology, 'byNearness' | 'reachable'>
  /** All regions' builds know what a move writes. */
  readonly mayMove: () => boolean
  /** Default: nobody counts. */
  readonly ended?: Counter
  readonly onViolation: () => void
}

/** How often somebody who asks for a move follows who says that the home is elsewhere. */
const HOMES_ASKED_MAX = 3

/** Of all moves that a region begins, whichever of these objects begins them. */
export const movesCounter = (): Counter =>
  new Counter(
    'denizen_rehomes_total',
    'Moves of groups that this region has begun as their home, by what came of them.',
    ['dataset', 'reason', 'outcome'],
  )

type Moved = Extract<MoveReply, { kind: 'moved' }>

const refusals = {
  registrar_unavailable: 'the registrar of the group can not be reached',
  taker_unreachable: 'the region that is to take the group can not be reached',
  taker_behind: 'the region that is to take the group lacks too many changes as yet',
  not_home: 'the group has another home by now',
} as const

export class Movements implements Moves {
  readonly #options: MovementsOptions
  readonly #accesses: AccessMoves
  readonly #unsettled: Unsettled
  /** By dataset and group: those who wait for the same end. */
  readonly #settling = new Map<string, Promise<KnownHome>>()

  constructor(options: MovementsOptions) {
    this.#options = options
    this.#accesses = new AccessMoves(options.clock, (placement, group, to, why) =>
      this.#moveAway(placement, group, to, why),
    )
    const settle = (placement: Placement, group: string) => this.settle(placement, group)
    this.#unsettled = new Unsettled({ ...options, settle })
  }

  /** Looks after groups that were left between two homes; once per node. */
  start(): void {
    this.#unsettled.start()
  }

  stop(): void {
    this.#unsettled.stop()
  }

  mayMove(): boolean {
    return this.#options.mayMove()
  }

  suggest(placement: Placement, group: string, run: AccessRun): void {
    const { mayMove, reachable } = this.#options
    if (!mayMove() || !placement.mayHome(run.region) || !reachable(run.region)) return
    this.#accesses.suggest(placement, group, run)
  }

  async settle(placement: Placement, group: string): Promise<KnownHome> {
    const name = `${placement.id}\n${group}`
    const running = this.#settling.get(name) ?? this.#settle(placement, group)
    if (!this.#settling.has(name)) {
      this.#settling.set(name, running)
      const forget = (): void => void this.#settling.delete(name)
      running.then(forget, forget)
    }
    return await this.#inTime(running)
  }

  /** An operation does not wait as long as a move may take: it is told that nothing was done. */
  #inTime(settling: Promise<KnownHome>): Promise<KnownHome> {
    const { clock } = this.#options
    return new Promise((resolve, reject) => {
      const cancel = clock.after(timing.betweenHomesMaxMs, () => reject(stillMoving()))
      settling.then(resolve, reject).finally(cancel)
    })
  }

  async #settle(placement: Placement, group: string): Promise<KnownHome> {
    const state = await stateOf(this.#options, { placement, group })
    const end = await this.#endOf(placement, group, state)
    if (end.kind === 'settled') return end.home
    throw stillMoving()
  }

  async #endOf(placement: Placement, group: string, state: HomeState): Promise<MoveEnd> {
    const { self, regions } = this.#options
    const { marker, home, isHere } = state
    if (!home) return { kind: 'unsettled' }
    if (isHere || !marker) return { kind: 'settled', home }
    const { stopped, term } = marker
    const isOwn = regions().idOf(marker.region) === self
    if (!stopped) {
      if (!isOwn) return { kind: 'settled', home }
      // This region is home, and waits for what homes before it have written.
      return await new TakerMove(this.#options, { placement, group, term: term - 1 }).run()
    }
    const to = this.#takerInstead(placement, group, regions().idOf(stopped.to))
    if (isOwn) return await new HomeMove(this.#options, { placement, group, term, to }).run()
    if (to !== self && regions().idOf(stopped.to) === self) {
      const end = await new TakerMove(this.#options, { placement, group, term }).run()
      return end.kind === 'settled' ? end : { kind: 'settled', home }
    }
    if (to !== self) return { kind: 'settled', home }
    return await new TakerMove(this.#options, { placement, group, term }).run()
  }

  /** The policy may have changed since the home stopped: who may be home takes the group then. */
  #takerInstead(placement: Placement, group: string, to: RegionId): RegionId {
    if (placement.mayHome(to)) return to
    const { self, topology } = this.#options
    const others = topology.byNearness.filter(region => region !== self)
    const may = others.filter(region => placement.mayHome(region))
    return placement.preferredHome(group) ?? may.find(topology.reachable) ?? may[0] ?? to
  }

  /** A move that an operator asks for, wherever the group is homed. Throws `rehome_refused`. */
  async move(placement: Placement, group: string, to: RegionId): Promise<Moved> {
    const { self, table } = this.#options
    if (!table().data.regions.some(({ id }) => id === to)) {
      throw new DenizenError('bad_request', `the policy has no region ${to}`)
    }
    refuseUnlessPermitted(placement, to)
    let home = await this.#homeOf(placement, group)
    for (let n = 0; n < HOMES_ASKED_MAX; n++) {
      if (!home) throw new DenizenError('not_found', 'the group has no home yet')
      refuseUnlessStored(placement, home.region)
      const reply =
        home.region === self
          ? await this.#moveHere(placement, group, to)
          : await this.#askToMove(home.region, placement, group, to)
      if (reply.kind === 'moved') return reply
      home = reply.home
    }
    throw stillMoving()
  }

  async #homeOf(placement: Placement, group: string): Promise<KnownHome | undefined> {
    const { self, claims } = this.#options
    const here = placement.mayStore(self)
      ? (await stateOf(this.#options, { placement, group })).home
      : undefined
    if (here) return here
    const registered = await claims.lookup(placement, group)
    return registered && claims.known(registered)
  }

  async #askToMove(
    region: RegionId,
    { id: dataset }: Placement,
    group: string,
    to: RegionId,
  ): Promise<MoveReply> {
    const request: RehomeRequest = { kind: 'move', dataset, group, to }
    const options = { timeoutMs: timing.moveAskedMaxMs }
    try {
      return moveReplySchema.parse(await this.#options.call(region, 'rehome', request, options))
    } catch (error) {
      const lost = unanswered(error)
      if (!lost) throw error
      throw lost.sent
        ? new DenizenError('outcome_unknown', `${region} was asked to move it: ${lost.reason}`)
        : new DenizenError('home_unreachable', `the home is ${region}: ${lost.reason}`)
    }
  }

  async #moveHere(placement: Placement, group: string, to: RegionId): Promise<MoveReply> {
    const { self, clock } = this.#options
    refuseUnlessPermitted(placement, to)
    const { home, isHere } = await stateOf(this.#options, { placement, group })
    if (home?.region === self && !isHere) throw stillMoving()
    if (!home || !isHere) {
      if (!home) throw new DenizenError('not_found', 'the group has no home yet')
      return { kind: 'elsewhere', home }
    }
    if (to === self) return { kind: 'moved', from: self, home }
    const why: MoveReason = { kind: 'operator', writes: 0, atMs: clock.wallMs() }
    const end = await this.#moveAway(placement, group, to, why)
    if (end.kind === 'settled') return { kind: 'moved', from: self, home: end.home }
    if (end.kind === 'refused') throw new DenizenError('rehome_refused', refusals[end.why])
    throw stillMoving()
  }

  /** The next policy wants the group elsewhere. True once this region is not its home any more. */
  async moveForPolicy(placement: Placement, group: string, to: RegionId): Promise<boolean> {
    const why: MoveReason = { kind: 'policy', writes: 0, atMs: this.#options.clock.wallMs() }
    const end = await this.#moveAway(placement, group, to, why)
    return end.kind === 'settled' && end.home.region !== this.#options.self
  }

  /** Begins a move of a group that is homed here, and takes it to its end. */
  async #moveAway(
    placement: Placement,
    group: string,
    to: RegionId,
    why: MoveReason,
  ): Promise<MoveEnd> {
    const { mayMove } = this.#options
    if (!mayMove()) {
      const detail = 'not every node knows what a move writes: see denizen upgrade finalize'
      throw new DenizenError('rehome_refused', detail)
    }
    const { home, marker, isHere } = await stateOf(this.#options, { placement, group })
    const isResting = why.kind === 'access' && rests(marker?.why, why.atMs)
    if (!home || !isHere || isResting) return { kind: 'refused', why: 'not_home' }
    const moving = { placement, group, term: home.term, to, why }
    const end = await new HomeMove(this.#options, moving).run()
    if (end.kind === 'unsettled') this.#unsettled.add(placement, group)
    this.#options.ended?.add(1, placement.id, why.kind, outcomeOf(end, to))
    return end
  }

  /** Answers another region's `rehome`. */
  async answer(from: RegionId, body: unknown): Promise<unknown> {
    const request = rehomeRequestSchema.parse(body)
    const { dataset, group } = request
    const placement = placementAsked(this.#options, from, dataset, it => it.hasGroup(group))
    switch (request.kind) {
      case 'lag': {
        const { ends } = request
        const slot = placement.slotOf(group)
        const { shards } = this.#options
        return { changes: await shards.call(dataset, slot, 'changesLacking', { group, ends }) }
      }
      case 'take': {
        const moving = { placement, group, term: request.term }
        const end = await new TakerMove(this.#options, moving).run()
        return { home: end.kind === 'settled' ? end.home : null }
      }
      case 'move':
        return await this.#moveHere(placement, group, request.to)
    }
  }
}

function refuseUnlessPermitted(placement: Placement, to: RegionId): void {
  if (placement.mayHome(to)) return
  throw new DenizenError('rehome_refused', `the policy does not permit ${to} to be the home`)
}

const stillMoving = (): DenizenError =>
  new DenizenError('home_moving', 'who is to be its home could not be settled in time')

/** Moved so lately that its writers do not move it again. Clocks that differ only let it go. */
const rests = (why: MoveReason | undefined, nowMs: number): boolean =>
  why !== undefined && nowMs >= why.atMs && nowMs - why.atMs < timing.moveRestMs

function outcomeOf(end: MoveEnd, to: RegionId): string {
  if (end.kind !== 'settled') return end.kind
  return end.home.region === to ? 'moved' : 'returned'
}
