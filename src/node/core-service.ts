/**
 * The `Service` that the HTTP layer of a core speaks to. Until the node has learnt the policy in
 * force it answers only that it is not ready, and why.
 */
import { DenizenError } from '../model/errors.ts'
import type { RegionId } from '../model/slot.ts'
import type { FoundNow } from '../routing/found-now.ts'
import type { ClusterView, Service } from '../routing/service.ts'
import type { Serving } from './serving.ts'

export class CoreService implements Service {
  readonly region: RegionId
  readonly #askCluster: () => Promise<unknown>
  readonly #hasRoom: () => boolean
  #serving: Serving | undefined
  #nodeServes = false
  #reason: string | undefined = 'the node is starting'

  /** `hasRoom`: the disk takes more values. */
  constructor(region: RegionId, askCluster: () => Promise<unknown>, hasRoom: () => boolean) {
    this.region = region
    this.#askCluster = askCluster
    this.#hasRoom = hasRoom
  }

  waits(reason: string): void {
    if (!this.#serving) this.#reason = reason
  }

  serves(serving: Serving): void {
    this.#serving = serving
    this.#reason = undefined
  }

  stops(): void {
    this.#reason = 'the node is stopping'
    this.#serving?.watches.end(new DenizenError('not_ready', this.#reason))
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
    return await this.#parts().router.execute(...args)
  }
  async create(...args: Parameters<Service['create']>): ReturnType<Service['create']> {
    return await this.#parts().router.create(...args)
  }
  async transact(...args: Parameters<Service['transact']>): ReturnType<Service['transact']> {
    return await this.#parts().router.transact(...args)
  }
  async list(...args: Parameters<Service['list']>): ReturnType<Service['list']> {
    return await this.#parts().lists.list(...args)
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
