/**
 * Access of a node, from its main thread: the rules and what quotas are compared with, for the
 * cores, which decide.
 */
import type { Usage } from '../access/access.ts'
import type { AccessState } from '../access/access-control.ts'
import { timing } from '../model/limits.ts'
import type { Audit } from '../runtime/audit-log.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Disk } from '../runtime/disk.ts'
import { describeError, type Logger } from '../runtime/log.ts'
import { AccessRules } from './access-rules.ts'

/** What the main thread tells every core. */
export type AccessMessage =
  | { readonly kind: 'access'; readonly state: AccessState }
  /** By dataset; only those with a quota of records or bytes. */
  | { readonly kind: 'usage'; readonly usage: ReadonlyMap<string, Usage> }

export interface NodeAccessOptions {
  readonly path: string
  readonly audit: Audit
  readonly disk: Disk
  readonly clock: Clock
  readonly log: Logger
  readonly tell: (message: AccessMessage) => void
  /** What this node's copy of a dataset holds; `undefined` without one, or before it is open. */
  readonly usageOf: (dataset: string) => Promise<Usage | undefined>
}

export class NodeAccess {
  readonly #rules: AccessRules
  readonly #options: NodeAccessOptions
  #cancel: () => void = () => {}
  #isClosed = false

  /** Throws `StartError`. */
  static async open(options: NodeAccessOptions): Promise<NodeAccess> {
    const onChange = (state: AccessState): void => options.tell({ kind: 'access', state })
    const rules = await AccessRules.open({ ...options, onChange })
    return new NodeAccess(options, rules)
  }

  private constructor(options: NodeAccessOptions, rules: AccessRules) {
    this.#options = options
    this.#rules = rules
    this.#countLater()
  }

  /** For cores that begin to listen. */
  get state(): AccessState {
    return this.#rules.state
  }

  close(): void {
    this.#isClosed = true
    this.#cancel()
    this.#rules.close()
  }

  #countLater(): void {
    if (this.#isClosed) return
    this.#cancel = this.#options.clock.after(timing.usageIntervalMs, () => {
      void this.#count().finally(() => this.#countLater())
    })
  }

  async #count(): Promise<void> {
    const { log, tell, usageOf } = this.#options
    const bound = Object.entries(this.state.file.quotas ?? {})
      .filter(([, { records, bytes }]) => records !== undefined || bytes !== undefined)
      .map(([dataset]) => dataset)
    if (bound.length === 0) return
    try {
      const counts = await Promise.all(
        bound.map(async dataset => [dataset, await usageOf(dataset)] as const),
      )
      const known = counts.flatMap(([dataset, usage]) => (usage ? [[dataset, usage] as const] : []))
      if (!this.#isClosed) tell({ kind: 'usage', usage: new Map(known) })
    } catch (error) {
      log.warn('what the datasets hold can not be counted', describeError(error))
    }
  }
}
