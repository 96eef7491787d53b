/** How much a run does: minutes, half an hour with all keys, or next to nothing for tests. */
import type { PeerId } from './peers/peer.ts'

export interface MatrixGroup {
  readonly keys: number
  readonly valueBytes: number
  readonly connections: readonly number[]
  readonly peers: readonly PeerId[]
}

export interface Scale {
  /** Of one measurement. */
  readonly seconds: number
  readonly rounds: number
  /** Before each measurement, and whether everything is measured once before it counts. */
  readonly warmUp: { readonly seconds: number; readonly isWhole: boolean }
  readonly batch: { readonly connections: number; readonly operations: number }
  /** Of the workloads of single requests and batches. */
  readonly keys: number
  readonly start: { readonly keys: number; readonly rewritten: number }
  readonly memory: {
    readonly fromKeys: number
    readonly toKeys: number
    /** Reads and rests after each of which is looked, for the least that is held. */
    readonly cycles: number
  }
  readonly residencyChecks: number
  readonly matrix: {
    readonly rounds: number
    readonly seconds: number
    readonly groups: readonly MatrixGroup[]
  }
  /** Places with fewer people are not imported. */
  readonly minPopulation: number
  /** How long the servers are waited for to come to rest between measurements. */
  readonly restMaxMs: number
}

export type ScaleId = 'tiny' | 'short' | 'full'

const all: readonly PeerId[] = ['bare', 'denizen', 'redis', 'redis-synced', 'etcd', 'nats']
/** At ten million keys; the others would take hours, or more memory than there is. */
const large: readonly PeerId[] = ['bare', 'denizen', 'redis', 'redis-synced']

const kibibyte = 1_024
const million = 1_000_000

const usualBatch = { connections: 16, operations: 500 }

export const scales: Readonly<Record<ScaleId, Scale>> = {
  tiny: {
    seconds: 0.3,
    rounds: 1,
    warmUp: { seconds: 0, isWhole: false },
    batch: { connections: 2, operations: 50 },
    keys: 1_000,
    start: { keys: 2_000, rewritten: 500 },
    memory: { fromKeys: 1_000, toKeys: 5_000, cycles: 1 },
    residencyChecks: 20_000,
    matrix: {
      rounds: 1,
      seconds: 0.3,
      groups: [{ keys: 500, valueBytes: 100, connections: [4], peers: ['bare', 'denizen'] }],
    },
    minPopulation: 5 * million,
    restMaxMs: 0,
  },
  short: {
    seconds: 2,
    rounds: 3,
    warmUp: { seconds: 1, isWhole: true },
    batch: usualBatch,
    keys: 10_000,
    start: { keys: 200_000, rewritten: 20_000 },
    memory: { fromKeys: 200_000, toKeys: 600_000, cycles: 2 },
    residencyChecks: 2 * million,
    matrix: {
      rounds: 1,
      seconds: 1,
      groups: [
        { keys: 10_000, valueBytes: 100, connections: [32], peers: all },
        { keys: 2_000, valueBytes: 64 * kibibyte, connections: [32], peers: ['bare', 'denizen'] },
      ],
    },
    minPopulation: 100_000,
    restMaxMs: 2_000,
  },
  full: {
    seconds: 5,
    rounds: 5,
    warmUp: { seconds: 1, isWhole: true },
    batch: usualBatch,
    keys: 10_000,
    start: { keys: 10 * million, rewritten: 100_000 },
    memory: { fromKeys: million, toKeys: 5 * million, cycles: 5 },
    residencyChecks: 5 * million,
    matrix: {
      rounds: 1,
      seconds: 3,
      groups: [
        { keys: 10_000, valueBytes: 100, connections: [1, 32, 256], peers: all },
        { keys: 10_000, valueBytes: kibibyte, connections: [32], peers: all },
        { keys: 10_000, valueBytes: 64 * kibibyte, connections: [32], peers: all },
        { keys: million, valueBytes: 100, connections: [32], peers: all },
        { keys: million, valueBytes: kibibyte, connections: [32], peers: large },
        { keys: 10 * million, valueBytes: 100, connections: [32], peers: large },
      ],
    },
    minPopulation: 0,
    restMaxMs: 6_000,
  },
}
