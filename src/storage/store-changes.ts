/**
 * The local commit order of a store: what watches follow. Its owner counts the commits and answers
 * which keys they changed, at once or with the next commit, so that nobody has to look again and
 * again. Commits are counted from the start of the process: the incarnation tells its numbers from
 * those of any other. What was changed is recorded from the first question on; a store that nobody
 * watches only counts.
 */
import { limits } from '../model/limits.ts'
import { idOf, type Random } from '../runtime/random.ts'
import { ChangeIndex } from './change-index.ts'

/** A moment in the life of a store: after one of its commits. */
export interface StorePoint {
  readonly incarnation: string
  readonly commit: number
}

export interface ChangesRequest {
  /** null asks only where the store stands. */
  readonly since: StorePoint | null
  /** Answer when there is a change, rather than that there is none. */
  readonly wait: boolean
}

export type ChangesReply =
  | { readonly kind: 'changes'; readonly keys: readonly string[]; readonly upTo: StorePoint }
  /** Of another incarnation, or before all that is still recorded. */
  | { readonly kind: 'tooOld' }

/** As an operation of a shard, whose owner alone can answer it. */
export const changesOperation = 'changes'

/** 50 bits: enough to tell apart the few starts that anybody remembers. */
const INCARNATION_CHARACTERS = 10

interface Waiting {
  readonly since: number
  readonly answer: (reply: ChangesReply) => void
}

export class StoreChanges {
  readonly #incarnation: string
  #commits = 0
  #index: ChangeIndex | undefined
  #waiting: Waiting[] = []

  constructor(random: Random) {
    this.#incarnation = idOf(random.bytes(INCARNATION_CHARACTERS))
  }

  /** After a commit has become visible. `changedKeys` is asked only if somebody may want them. */
  committed(changedKeys: () => readonly string[]): void {
    this.#commits += 1
    if (!this.#index) return
    const keys = changedKeys()
    if (keys.length === 0) return
    this.#index.record(this.#commits, keys)
    const waiting = this.#waiting
    this.#waiting = []
    for (const { since, answer } of waiting) answer(this.#after(since))
  }

  ask({ since, wait }: ChangesRequest, answer: (reply: ChangesReply) => void): void {
    this.#index ??= new ChangeIndex(this.#commits, limits.changeIndexKeysMax)
    if (since === null) {
      answer({ kind: 'changes', keys: [], upTo: this.#point(this.#commits) })
      return
    }
    if (since.incarnation !== this.#incarnation || since.commit > this.#commits) {
      answer({ kind: 'tooOld' })
      return
    }
    const reply = this.#after(since.commit)
    const isNews = reply.kind === 'tooOld' || reply.keys.length > 0
    if (isNews || !wait) answer(reply)
    else this.#waiting.push({ since: since.commit, answer })
  }

  #after(commit: number): ChangesReply {
    const changed = this.#index?.after(commit, limits.changedKeysPerReply)
    if (!changed) return { kind: 'tooOld' }
    return { kind: 'changes', keys: changed.keys, upTo: this.#point(changed.upTo) }
  }

  #point(commit: number): StorePoint {
    return { incarnation: this.#incarnation, commit }
  }
}
