/**
 * Questions of watches to the owners of stores: what comes after this point? All watches of a
 * thread that stand at the same point share one question, so that a commit costs one message for
 * each thread that watches, and a dataset at rest costs none.
 */
import type { ShardClient } from '../storage/shard-client.ts'
import { type ChangesReply, changesOperation, type StorePoint } from '../storage/store-changes.ts'
import type { RoutingOperations } from './shard-operations.ts'

/** Takes the answer, or why there is none. */
export type TakeChanges = (reply: ChangesReply | Error) => void

export interface StoreName {
  readonly dataset: string
  readonly store: number
}

export class ChangeAsks {
  readonly #shards: ShardClient<RoutingOperations>
  readonly #asked = new Map<string, Set<TakeChanges>>()

  constructor(shards: ShardClient<RoutingOperations>) {
    this.#shards = shards
  }

  /** Calls `take` once, with the first change after `since`. Returns what withdraws it. */
  ask({ dataset, store }: StoreName, since: StorePoint, take: TakeChanges): () => void {
    const name = `${store} ${since.incarnation} ${since.commit} ${dataset}`
    let takers = this.#asked.get(name)
    if (!takers) {
      takers = new Set()
      this.#asked.set(name, takers)
      const answer: TakeChanges = reply => this.#answer(name, reply)
      const question = { since, wait: true }
      this.#shards.callStore(dataset, store, changesOperation, question).then(answer, answer)
    }
    takers.add(take)
    return () => takers.delete(take)
  }

  #answer(name: string, reply: ChangesReply | Error): void {
    const takers = this.#asked.get(name) ?? []
    this.#asked.delete(name)
    for (const take of takers) take(reply)
  }
}
