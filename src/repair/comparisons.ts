/**
 * Compares this region's copies with those of the other regions that store them, in the background:
 * once in a while the digests of one dataset with one region, and then the slots that seem to
 * differ, record by record. It mends this region's copy and no other: they all do the same. What is
 * damaged goes to be repaired as ever. Runs in the main thread.
 */
import type { z } from 'zod'
import { DenizenError } from '../model/errors.ts'
import type { Hasher } from '../model/hash.ts'
import { timing } from '../model/limits.ts'
import type { Placement, PlacementTable } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import { PeerFailure } from '../peers/peers.ts'
import type { ScrubReport } from '../routing/scrub-report.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/log.ts'
import { ownStates } from './comparison-answers.ts'
import { comparisonBounds } from './comparison-bounds.ts'
import { digestsReplySchema } from './comparison-messages.ts'
import { ComparisonPlan, type Walk } from './comparison-plan.ts'
import { ComparisonWalk, type WalkOptions, type WalkTally } from './comparison-walk.ts'

export interface ComparisonsOptions extends WalkOptions {
  readonly hasher: Hasher
  readonly table: () => PlacementTable
  readonly clock: Clock
  readonly log: Logger
}

type Counts = ScrubReport['comparisons']

export class Comparisons {
  readonly #options: ComparisonsOptions
  readonly #plan = new ComparisonPlan()
  readonly #counts: { -readonly [K in keyof Counts]: Counts[K] } = {
    ...{ same: 0, different: 0, apart: 0, walked: 0 },
    ...{ repaired: 0, removed: 0, conflicting: 0, unproven: 0 },
  }
  #turn = 0
  #isWalking = false
  #stopped = false
  #cancelTimer: () => void = () => {}
  #wake: () => void = () => {}

  constructor(options: ComparisonsOptions) {
    this.#options = options
  }

  counts(): Counts {
    return { ...this.#counts }
  }

  start(): void {
    this.#cancelTimer = this.#options.clock.after(comparisonBounds.intervalMs, () => {
      void this.#compareNext().finally(() => {
        if (!this.#stopped) this.start()
      })
    })
  }

  stop(): void {
    this.#stopped = true
    this.#cancelTimer()
    this.#wake()
  }

  /**
   * All slots with one other region, now. Returns how many records that this copy owes are not here
   * yet. Throws `DenizenError`, `PeerFailure`.
   */
  async compareWhole(placement: Placement, peer: RegionId): Promise<number> {
    const { id: dataset } = placement
    const { different, apart } = await this.#askDigests(placement, peer)
    let owed = 0
    for (const slot of [...different, ...apart]) {
      owed += await this.#walk({ dataset, peer, slot, isUrgent: true })
    }
    if (this.#stopped) throw new DenizenError('not_ready', 'this node is about to stop')
    return owed
  }

  async #compareNext(): Promise<void> {
    const pairs = this.#pairs()
    const pair = pairs[this.#turn % pairs.length]
    this.#turn += 1
    if (!pair) return
    await this.#unlessFailed(() => this.#compare(pair.placement, pair.peer))
    if (this.#plan.isEmpty || this.#isWalking || this.#stopped) return
    this.#isWalking = true
    void this.#walkAll(() => this.#plan.next()).finally(() => {
      this.#isWalking = false
    })
  }

  /**
   * The datasets that this region stores, each with each other region that does. None whose place
   * is being changed, unless all are whole: copies come and go then.
   */
  #pairs(): { readonly placement: Placement; readonly peer: RegionId }[] {
    const { self, table, shards } = this.#options
    return [...table().placements]
      .filter(placement => placement.mayStore(self) && shards.stores(placement.id))
      .filter(({ isComparable }) => isComparable)
      .flatMap(placement =>
        placement.data.store.filter(region => region !== self).map(peer => ({ placement, peer })),
      )
  }

  async #compare(placement: Placement, peer: RegionId): Promise<void> {
    const { id: dataset, data } = placement
    const { different, apart } = await this.#askDigests(placement, peer)
    const compared = { slots: data.slots, different, apart }
    this.#plan.learn(dataset, peer, compared, this.#options.clock.monotonicMs())
  }

  async #askDigests(
    placement: Placement,
    peer: RegionId,
  ): Promise<z.infer<typeof digestsReplySchema>> {
    const { hasher, shards, call } = this.#options
    const { id: dataset, data } = placement
    const states = await ownStates(shards, hasher, placement)
    const timeoutMs = timing.callTimeoutMs
    const reply = await call(peer, 'compare.digests', { dataset, states }, { timeoutMs })
    const parsed = digestsReplySchema.safeParse(reply).data
    if (!parsed) throw new DenizenError('bad_request', `${peer} answered what are no digests`)
    const { different, apart } = parsed
    this.#counts.different += different.length
    this.#counts.apart += apart.length
    this.#counts.same += Math.max(0, data.slots - different.length - apart.length)
    return parsed
  }

  /** A walk that is no hurry takes hours over a large store: the others come in between. */
  async #walkAll(next: () => Walk | undefined): Promise<void> {
    for (let walk = next(); walk && !this.#stopped; walk = next()) {
      const now = walk
      await this.#unlessFailed(async () => void (await this.#walk(now)))
    }
  }

  /** Returns how many records that this copy owes are not here yet. */
  async #walk(walk: Walk): Promise<number> {
    const { dataset, peer, slot, isUrgent } = walk
    const began = this.#placementWith(dataset, peer)
    if (!began) return 0
    const run = new ComparisonWalk(this.#options, began, peer, slot)
    const { urgentPauseMs, pauseMs } = comparisonBounds
    try {
      for (let placement: Placement | undefined = began; placement && !this.#stopped; ) {
        if (!(await run.page(placement))) break
        await this.#rest(isUrgent ? urgentPauseMs : pauseMs)
        if (!isUrgent) await this.#walkAll(() => this.#plan.nextUrgent())
        placement = this.#placementWith(dataset, peer)
      }
    } finally {
      this.#add(walk, run.tally)
    }
    return run.tally.owed
  }

  /** The dataset, where both this region and the other may store it now. */
  #placementWith(dataset: string, peer: RegionId): Placement | undefined {
    const placement = this.#options.table().byId(dataset)
    if (!placement?.isComparable) return undefined
    return placement.mayStore(this.#options.self) && placement.mayStore(peer)
      ? placement
      : undefined
  }

  #add(walk: Walk, tally: WalkTally): void {
    const { log, clock } = this.#options
    const { repaired, removed, conflicting, unproven } = tally
    this.#counts.walked += 1
    this.#counts.repaired += repaired
    this.#counts.removed += removed
    this.#counts.conflicting += conflicting
    this.#counts.unproven += unproven
    this.#plan.walked(walk, repaired + removed, clock.monotonicMs())
    const fields = { dataset: walk.dataset, slot: walk.slot, peer: walk.peer }
    if (repaired > 0) log.warn('a copy lacked records and has them again', { ...fields, repaired })
    if (removed > 0) log.warn('a copy had records that nobody wrote', { ...fields, removed })
    if (unproven > 0) log.warn('copies differ, and none is proven right', { ...fields, unproven })
    if (conflicting === 0) return
    log.error('copies have different records of one version', { ...fields, conflicting })
  }

  /** Other regions may be away, and this one may be about to stop: it is tried again later. */
  async #unlessFailed(task: () => Promise<void>): Promise<void> {
    try {
      await task()
    } catch (error) {
      if (error instanceof PeerFailure || error instanceof DenizenError) return
      throw error
    }
  }

  #rest(forMs: number): Promise<void> {
    return new Promise(resolve => {
      const cancel = this.#options.clock.after(forMs, resolve)
      this.#wake = () => {
        cancel()
        resolve()
      }
    })
  }
}
