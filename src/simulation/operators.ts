/** Operators of a world: what they ask of its regions, and what comes of it. */
import type { RehomeRequest } from '../api/administration.ts'
import { DenizenError } from '../model/errors.ts'
import type { PolicyData } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import type { LedgerEntry } from '../movement/erasure-rows.ts'
import type { ErasureTerms, RegionErasure } from '../movement/erasures.ts'
import type { Held } from '../movement/holds.ts'
import type { Upkeep } from './disturbances.ts'
import type { Governed } from './governed.ts'
import { type PolicyDraw, withDraw } from './policy-changes.ts'
import type { SimulatedNode } from './simulated-node.ts'
import type { VirtualTime } from './virtual-time.ts'

export interface OperatorsOptions {
  readonly keeper: RegionId
  readonly time: VirtualTime
  readonly governed: Governed
  /** Of a region whose process runs. */
  readonly nodeOf: (region: RegionId) => SimulatedNode | undefined
  readonly complain: (region: RegionId, what: string) => void
}

/** A wish of another policy that has not begun by then never will. */
const WISH_MAX_MS = 4_000

export class Operators {
  readonly #options: OperatorsOptions
  /** Until then a change of the policy may begin that was asked for. */
  #changesMs = 0

  constructor(options: OperatorsOptions) {
    this.#options = options
  }

  /** A wish of another policy may be on its way, or a change under way. */
  get mayBeChanging(): boolean {
    const { governed, time } = this.#options
    return governed.isChanging || time.nowMs < this.#changesMs
  }

  /** Why a change of the policy does not go on. */
  async waiting(): Promise<string> {
    const { keeper, nodeOf } = this.#options
    return (await nodeOf(keeper)?.waiting()) ?? 'the keeper is down'
  }

  /** Applies another policy, where a region can be asked. */
  applyPolicy({ at, ...draw }: PolicyDraw): void {
    const { keeper, time } = this.#options
    // It may be long on its way to the keeper.
    if (at !== undefined) this.#changesMs = time.nowMs + WISH_MAX_MS
    this.#ask(at ?? keeper, node => node.apply(current => withDraw(current, draw)))
  }

  /** Applies what is made of the policy in force, at the keeper. */
  apply(desired: (current: PolicyData) => PolicyData): void {
    this.#ask(this.#options.keeper, node => node.apply(desired))
  }

  /** Asks the keeper, by way of a region, for what is no change of the policy. */
  tend(region: RegionId, what: Upkeep): void {
    this.#ask(region, node => node.tend(what))
  }

  /** Moves a group, by way of a region. Throws `DenizenError`. */
  async move(region: RegionId, request: RehomeRequest): Promise<void> {
    await this.#options.nodeOf(region)?.move(request)
  }

  /** Erases a group, by way of a region. Throws `DenizenError`. */
  async erase(
    region: RegionId,
    dataset: string,
    group: string,
    terms: ErasureTerms = {},
  ): Promise<LedgerEntry> {
    const { placement, erasures } = this.#erasing(region, dataset)
    return await erasures.erase(placement, group, terms)
  }

  /** Has the writes of a group wait, by way of a region. Throws `DenizenError`. */
  async hold(region: RegionId, dataset: string, group: string, forMs: number): Promise<Held> {
    const { placement, holds } = this.#erasing(region, dataset)
    return await holds.hold(placement, group, forMs)
  }

  /** What all regions say of an erasure, as this one hears it. */
  async erasures(region: RegionId, dataset: string, hash: string): Promise<RegionErasure[]> {
    const { placement, erasures } = this.#erasing(region, dataset)
    return await erasures.states(placement, hash)
  }

  #erasing(region: RegionId, dataset: string) {
    const found = this.#options.nodeOf(region)?.erasing()
    const placement = found?.table.byId(dataset)
    if (!found || !placement) throw new DenizenError('not_ready', 'the node does not serve')
    return { placement, erasures: found.erasures, holds: found.holds }
  }

  /** Of a region that serves; nobody waits for what comes of it. */
  #ask(region: RegionId, ask: (node: SimulatedNode) => Promise<void>): void {
    const { nodeOf, complain } = this.#options
    const node = nodeOf(region)
    node?.enter(() => {
      ask(node).catch((error: unknown) => {
        if (!(error instanceof DenizenError)) complain(region, (error as Error).stack ?? '')
      })
    })
  }
}
