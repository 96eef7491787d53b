/** A server that is measured: Denizen, the bare server, or another store. */
import type { DialectOptions } from '../loads/reply.ts'

export type PeerId = 'denizen' | 'bare' | 'redis' | 'redis-synced' | 'etcd' | 'nats'

/** The tool that finds out how much a server does at most. */
export type PeakTool =
  | { readonly tool: 'wrk'; readonly script: 'single' | 'etcd'; readonly path: string }
  | { readonly tool: 'redis-benchmark' }
  | { readonly tool: 'generator' }

export interface Peer {
  readonly id: PeerId
  /** For people: name, version, and what an answered write means. */
  readonly about: string
  readonly port: number
  readonly dialect: DialectOptions
  readonly peakTool: PeakTool
  /** Undefined where it keeps nothing. */
  readonly dataDirectory: string | undefined

  /** Undefined while it does not run. */
  readonly pid: number | undefined
  /** Starts it on its data. Resolves with the ms from its spawn until it serves. */
  start(): Promise<number>
  /** Asks it to end, and resolves when it is gone. */
  stop(): Promise<void>
  kill(): Promise<void>

  /** Puts the keys from one number up to another, and throws unless each was taken. */
  fill(fromKey: number, toKey: number, valueBytes: number): Promise<void>
  /**
   * Throws unless the keys 0 to `keys`, and no more, have values of that size.
   */
  verify(keys: number, valueBytes: number): Promise<void>
  /** Throws when something went wrong that no reply has shown: misses, refused commands. */
  checkCounters(): Promise<void>
}

export interface PeerOptions {
  /** Its own, empty at first. */
  readonly directory: string
  readonly valueBytes: number
  readonly threads: number
}
