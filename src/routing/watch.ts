/**
 * One watch: the current state of a prefix, a live mark, then what changes, store by store. Where
 * it stands is one number for each store; that is all it keeps, so a client that reads slowly costs
 * nothing, and gets the latest values when it comes to them.
 */
import { assert } from '../model/assert.ts'
import { DenizenError } from '../model/errors.ts'
import type { Key } from '../model/key.ts'
import { limits } from '../model/limits.ts'
import type { RegionId } from '../model/slot.ts'
import type { Clock } from '../runtime/clock.ts'
import type { ShardClient } from '../storage/shard-client.ts'
import type { ChangesReply, StorePoint } from '../storage/store-changes.ts'
import type { ChangeAsks } from './change-asks.ts'
import type { WatchBatch, WatchEvent } from './service.ts'
import type { RoutingOperations } from './shard-operations.ts'
import { formatCursor } from './watch-cursor.ts'

export interface WatchOptions {
  readonly self: RegionId
  readonly shards: ShardClient<RoutingOperations>
  readonly asks: ChangeAsks
  readonly clock: Clock
  /** The partition's. */
  readonly dataset: string
  readonly prefix: string
}

/** What the owner of a store has named. */
type NamedChanges = Extract<ChangesReply, { kind: 'changes' }>

interface Heard {
  readonly store: number
  readonly reply: ChangesReply | Error
}

const nothing = new Uint8Array()

export class Watch {
  readonly #options: WatchOptions
  /** Of each store. */
  readonly #points: StorePoint[]
  readonly #withdrawals: (() => void)[] = []
  readonly #heard: Heard[]
  #end: { readonly error: DenizenError | undefined } | undefined
  #wake: () => void = () => {}

  /** `begun`: what each store has named since the point where the watch begins. */
  constructor(options: WatchOptions, begun: readonly NamedChanges[]) {
    this.#options = options
    this.#points = begun.map(({ upTo }) => upTo)
    this.#heard = begun.map((reply, store) => ({ store, reply }))
  }

  get dataset(): string {
    return this.#options.dataset
  }

  /** Without an error: nobody is there any more. */
  end(error?: DenizenError): void {
    this.#end ??= { error }
    this.#wake()
  }

  /**
   * What happens, until the end. Throws the error given to `end`, `cursor_too_old`, and what stores
   * throw.
   */
  async *batches(withState: boolean): AsyncGenerator<WatchBatch> {
    try {
      if (withState) yield* this.#state()
      for (let heard = await this.#next(); heard; heard = await this.#next()) {
        yield* this.#changes(heard)
      }
    } finally {
      for (const withdraw of this.#withdrawals) withdraw()
    }
  }

  get #isOver(): boolean {
    if (this.#end?.error) throw this.#end.error
    return this.#end !== undefined
  }

  #cursor(): string {
    return formatCursor({ region: this.#options.self, points: this.#points })
  }

  /** What changes meanwhile comes again after the mark: the points were taken before. */
  async *#state(): AsyncGenerator<WatchBatch> {
    for (let store = 0; store < this.#points.length; store++) yield* this.#stateOf(store)
    yield { events: [{ kind: 'live' }], cursor: this.#cursor() }
  }

  async *#stateOf(store: number): AsyncGenerator<WatchBatch> {
    const { shards, clock, dataset, prefix } = this.#options
    const bounds = { limit: limits.listItemsMax, bytesMax: limits.watchBytesMax }
    for (let after: string | undefined; !this.#isOver; ) {
      const request = { prefix, after, ...bounds, values: true, nowMs: clock.wallMs(), seen: [] }
      const page = await shards.callStore(dataset, store, 'list', request)
      assert(!('behind' in page), 'who has seen nothing is ahead of no copy')
      const events = page.items.map(
        ({ value = nothing, ...item }): WatchEvent => ({ kind: 'put', ...item, value }),
      )
      yield { events }
      if (page.upTo === null) return
      after = page.upTo
      // Reads in this thread don't let others have their turn by themselves.
      await new Promise<void>(resolve => clock.after(0, resolve))
    }
  }

  async *#changes({ store, reply }: Heard): AsyncGenerator<WatchBatch> {
    const { shards, clock, dataset, prefix } = this.#options
    if (reply instanceof Error) throw reply
    if (reply.kind === 'tooOld') throw fellBehind()
    const keys = reply.keys.filter((key): key is Key => key.startsWith(prefix))
    let events: readonly WatchEvent[] = []
    for (let at = 0; at < keys.length && !this.#isOver; ) {
      if (events.length > 0) yield { events }
      const bounds = { bytesMax: limits.watchBytesMax, nowMs: clock.wallMs() }
      const request = { keys: keys.slice(at), ...bounds }
      const { changes, taken } = await shards.callStore(dataset, store, 'current', request)
      events = changes
      at += taken
    }
    this.#points[store] = reply.upTo
    this.#ask(store, reply.upTo)
    yield { events, cursor: this.#cursor() }
  }

  #ask(store: number, since: StorePoint): void {
    const { asks, dataset } = this.#options
    this.#withdrawals[store] = asks.ask({ dataset, store }, since, reply => {
      this.#heard.push({ store, reply })
      this.#wake()
    })
  }

  /** Undefined when it is over. */
  async #next(): Promise<Heard | undefined> {
    while (!this.#isOver) {
      const heard = this.#heard.shift()
      if (heard) return heard
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
    return undefined
  }
}

const fellBehind = (): DenizenError =>
  new DenizenError('cursor_too_old', 'more has changed than the node remembers')
