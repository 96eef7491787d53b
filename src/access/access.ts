/**
 * The port that the HTTP layer asks who sends a request and what they may do, and its
 * implementation for a node without an access file, where whoever reaches the port may do anything.
 */
import type { Verb } from './scope.ts'

export interface Access {
  /**
   * Who sends a request with this `Authorization` header. At once for those known already. Throws
   * `unauthenticated`, `keys_unavailable`.
   */
  authenticate(authorization: string | undefined): Caller | Promise<Caller>
  /** The same of who is known already; undefined where `authenticate` has work to do, or throws. */
  known(authorization: string | undefined): Caller | undefined
}

/** What a dataset holds in this node's copy. */
export interface Usage {
  readonly records: number
  /** Of keys and values. */
  readonly bytes: number
}

export interface Caller {
  /** Stable from request to request: `token <id>`, `jwt <subject>`, `anonymous`. */
  readonly principal: string
  /** Without credentials: what is forbidden now may be permitted with them. */
  readonly isAnonymous: boolean
  /** `hinted`: the request names its own hint (`Denizen-Hint`). */
  permits(verb: Verb, dataset: string, keyOrPrefix: string, hinted: boolean): boolean
  /** Whether some scope is about the dataset at all. */
  concerns(dataset: string): boolean
  /**
   * Counts a request against the rates of the caller and of the dataset, if it is about one.
   * Returns 0, or in how many milliseconds it will fit.
   */
  take(dataset?: string): number
  /** Counts operations of a request that has been let in. */
  owe(dataset: string, count: number): void
  /** Which quota of the dataset is used up, if one is. */
  exhausted(dataset: string): keyof Usage | undefined
}

const anybody: Caller = {
  principal: 'anybody',
  isAnonymous: false,
  permits: () => true,
  concerns: () => true,
  take: () => 0,
  owe: () => {},
  exhausted: () => undefined,
}

export const openAccess: Access = { authenticate: () => anybody, known: () => anybody }
