/**
 * The `Service` that the HTTP layer of a core speaks to. Until the node has learnt the policy in
 * force it answers only that it is not ready, and why.
 */
import { DenizenError } from '../model/errors.ts'
import type { RegionId } from '../model/slot.ts'
import type { FoundNow } from '../routing/found-now.ts'
import type { ClusterView, Service } from '../routing/service.ts'
import { StaleRetries } from '../routing/stale-policy.ts'
import type { Watches } from '../routing/watches.ts'
import { systemClock } from '../runtime/clock.ts'
import type { Serving } from './serving.ts'

export class CoreService implements Service {
  readonly region: RegionId
  readonly #askCluster: () => Promise<unknown>
  readonly #hasRoom: () => boolean
  readonly #retries: StaleRetries
  #serving: Serving | undefined
  /** Of all that ever served, as long as somebody watches. */
  #watches: readonly Watches[] = []
  #nodeServes = false
  #reason: string | undefined = 'the node is starting'

  /** `hasRoom`: the disk takes more values. */
  constructor(region: RegionId, askCluster: () => Promise<unknown>, hasRoom: () => boolean) {
    this.region = region
    this.#askCluster = askCluster
    this.#hasRoom = hasRoom
    this.#retries = new StaleRetries({ answering: () => this.#parts(), clock: systemClock })
  }

  waits(reason: string): void {
    if (!this.#serving) this.#reason = reason
  }

  /** From now on, until it is told again. `mayWatch`: clients may watch the dataset here. */
  serves(serving: Serving, mayWatch: (dataset: string) => boolean): void {
    this.#serving = serving
    // Watches go on, but for those of what is answered here no more.
    const changed = new DenizenError('stale_policy', 'the policy has changed: watch it elsewhere')
    for (const watches of this.#watches) watches.end(changed, dataset => !mayWatch(dataset))
    this.#watches = [...this.#watches.filter(watches => !watches.isIdle), serving.watches]
    this.#reason = undefined
  }

  stops(): void {
    this.#reason = 'the node is stopping'
    const error = new DenizenError('not_ready', this.#reason)
    for (const watches of this.#watches) watches.end(error)
  }

  /** All cores of the node serve. */
  nodeServes(): void {
    this.#nodeServes = true
  }

  nodeNotReady(): string | undefined {
    return this.#reason ?? (this.#nodeServes ? undefined : 'the node waits for its other threads')
  }

  notReady(): string | undefined {
    return this.#reason
  }

  readOnly(): boolean {
    return !this.#hasRoom()
  }

  #parts(): Serving {
    if (this.#serving && this.#reason === undefined) return this.#serving
    throw new DenizenError('not_ready', this.#reason ?? 'the node is starting')
  }

  admit(...args: Parameters<Service['admit']>): ReturnType<Service['admit']> {
    return this.#parts().router.admit(...args)
  }
  findNow(...args: Parameters<Service['findNow']>): FoundNow | undefined {
    return this.#reason === undefined ? this.#serving?.hotReads.find(...args) : undefined
  }
  async execute(...args: Parameters<Service['execute']>): ReturnType<Service['execute']> {
    return await this.#retries.execute(...args)
  }
  async create(...args: Parameters<Service['create']>): ReturnType<Service['create']> {
    return await this.#retries.create(...args)
  }
  async transact(...args: Parameters<Service['transact']>): ReturnType<Service['transact']> {
    return await this.#retries.transact(...args)
  }
  async list(...args: Parameters<Service['list']>): ReturnType<Service['list']> {
    return await this.#retries.list(...args)
  }
  async watch(...args: Parameters<Service['watch']>): ReturnType<Service['watch']> {
    return await this.#parts().watches.watch(...args)
  }
  async explain(...args: Parameters<Service['explain']>): ReturnType<Service['explain']> {
    return await this.#parts().explain.explain(...args)
  }
  async cluster(): Promise<ClusterView> {
    this.#parts()
    // The main thread made it of this type.
    return (await this.#askCluster()) as ClusterView
  }
}
