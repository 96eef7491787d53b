/**
 * What reads of many keys have found at their home lately. It is told again, without being read and
 * checked again, only while its store has the stamp that it was read under, that is, while no
 * commit has become visible to any thread since then; so it is never older than what any thread has
 * shown.
 *
 * It has to be worth its while. What was found is kept once several requests in a row have met the
 * same stamp: not of a store that is being written. And where more keys are read than are kept,
 * most are looked for in vain: then all is forgotten, and nothing is kept for a time.
 */
import type { Key } from '../model/key.ts'
import { limits } from '../model/limits.ts'
import type { Placement } from '../model/placement.ts'
import type { RegionId, Slot } from '../model/slot.ts'
import type { ShardClient } from '../storage/shard-client.ts'
import { AnswerTable } from './answer-table.ts'
import type { LocalAnswer } from './local-answer.ts'
import type { RoutingOperations } from './shard-operations.ts'

/** Requests in a row. */
const AT_REST = 3
/** Reads for each answer kept: until it is judged, once all are; until it is tried again. */
const TRIAL = 2
const PAUSE = 32

interface Recent {
  readonly key: Key
  readonly answer: LocalAnswer
  /** Wall-clock ms; 0: never. */
  readonly expiresAtMs: number
  readonly store: RecentStore
  readonly stamp: number
}

class RecentStore {
  stamp = Number.NaN
  #sameFor = 0
  readonly #stampNow: () => number

  constructor(stampNow: () => number) {
    this.#stampNow = stampNow
  }

  look(): void {
    const stamp = this.#stampNow()
    this.#sameFor = stamp === this.stamp ? this.#sameFor + 1 : 0
    this.stamp = stamp
  }

  /** Whether what was read since the last look may be kept. */
  get isAtRest(): boolean {
    return this.#sameFor >= AT_REST && this.#stampNow() === this.stamp
  }
}

/** Of one placement. */
export class RecentAnswers {
  readonly #self: RegionId
  readonly #answers = new AnswerTable<Recent>(limits.recentAnswersMax)
  #asked = 0
  #found = 0
  #isPaused = false
  readonly #stores: (RecentStore | undefined)[] = []

  constructor(self: RegionId) {
    this.#self = self
  }

  /** Once for each request, before anything is found or read for it. */
  begin(): void {
    for (const store of this.#stores) store?.look()
    if (this.#isPaused) {
      if (this.#asked >= PAUSE * limits.recentAnswersMax) this.#count(false)
      return
    }
    if (!this.#answers.isFull) this.#count(false)
    if (this.#asked >= TRIAL * limits.recentAnswersMax) this.#count(this.#found < this.#asked / 2)
  }

  /** Counts anew. */
  #count(isPaused: boolean): void {
    this.#isPaused = isPaused
    if (isPaused) this.#answers.clear()
    this.#asked = 0
    this.#found = 0
  }

  find(key: Key, nowMs: number): LocalAnswer | undefined {
    this.#asked += 1
    if (this.#isPaused) return undefined
    const recent = this.#answers.get(key)
    if (recent === undefined || recent.stamp !== recent.store.stamp) return undefined
    const { expiresAtMs, answer } = recent
    if (expiresAtMs !== 0 && expiresAtMs <= nowMs) return undefined
    this.#found += 1
    return answer
  }

  /** The store of a slot, where what is read of it may be kept. */
  storeAtRest(
    shards: ShardClient<RoutingOperations>,
    placement: Placement,
    slot: Slot,
  ): RecentStore | undefined {
    const number = shards.storeOfSlot(placement.id, slot)
    let store = this.#stores[number]
    if (!store) {
      const stampNow = shards.stampOf(placement.id, slot)
      if (!stampNow) return undefined
      store = new RecentStore(stampNow)
      this.#stores[number] = store
    }
    return store.isAtRest ? store : undefined
  }

  /** Keeps what was just read, if it may be told to others. */
  keep(store: RecentStore, key: Key, answer: LocalAnswer, expiresAtMs: number): void {
    const { outcome, home } = answer
    // At the home, age and sessions play no part.
    if (outcome.kind !== 'found' || home?.region !== this.#self) return
    if (outcome.value.length > limits.hotValueBytesMax || this.#isPaused) return
    // Memory of its own: what was read beside it goes sooner.
    const kept = { ...answer, outcome: { ...outcome, value: outcome.value.slice() } }
    this.#answers.set({ key, answer: kept, expiresAtMs, store, stamp: store.stamp })
  }
}
