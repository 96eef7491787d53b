/**
 * The count of homes that `denizen policy plan` asks of a node: over all its stores, one slice of
 * one store at a time, with a rest between two. One runs at a time; its result is kept for whoever
 * began it. It runs in the main thread, its slices in the shards.
 */
import { policyDataSchema } from '../coordination/cluster-record.ts'
import { DenizenError } from '../model/errors.ts'
import { addLines, type Census, type CensusLine } from '../model/home-census.ts'
import { limits, timing } from '../model/limits.ts'
import type { PolicyData } from '../model/placement.ts'
import type { CensusReply, CensusRequest } from '../routing/home-census.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Copies } from './cluster-status.ts'

type CountedCopies = Pick<Copies, 'table' | 'shards'>

export interface PolicyCensusOptions {
  /** Undefined until the stores are open. */
  readonly copies: () => CountedCopies | undefined
  readonly clock: Clock
}

interface Tally {
  readonly dataset: string
  readonly stores: number
  storesDone: number
  damaged: number
  lines: readonly CensusLine[]
}

type CensusState = Omit<Census, 'datasets'> & { readonly datasets: readonly Tally[] }

export class PolicyCensus {
  readonly #options: PolicyCensusOptions
  #state: CensusState | undefined
  #stopped = false

  constructor(options: PolicyCensusOptions) {
    this.#options = options
  }

  /**
   * Begins a count under a policy that is not in force, which is looked at here for the first time.
   * Throws `bad_request`, `not_ready`; `overloaded` while another one runs.
   */
  begin(body: unknown): Census {
    const copies = this.#options.copies()
    if (!copies || this.#stopped) throw notOpen()
    const parsed = policyDataSchema.safeParse(body)
    if (!parsed.success) {
      throw new DenizenError('bad_request', 'the body is no compiled policy of this version')
    }
    checkDesired(copies.table.data, parsed.data)
    if (this.#state?.running) {
      throw new DenizenError('overloaded', 'homes are being counted for another plan')
    }
    const datasets = [...copies.table.placements]
      .map(({ id }) => id)
      .filter(id => copies.shards.stores(id))
      .map(dataset => ({
        ...{ dataset, stores: copies.shards.storeCount(dataset), storesDone: 0 },
        ...{ damaged: 0, lines: [] },
      }))
    this.#state = { number: (this.#state?.number ?? 0) + 1, running: true, datasets }
    void this.#run(copies, this.#state, parsed.data)
    return this.#state
  }

  /** The count under way, or the last one. Throws `not_ready`, `bad_request`. */
  view(): Census {
    if (!this.#options.copies()) throw notOpen()
    if (this.#state) return this.#state
    throw new DenizenError('bad_request', 'no count of homes was begun since the node started')
  }

  stop(): void {
    this.#stopped = true
  }

  /** Only bugs reject. */
  async #run(copies: CountedCopies, state: CensusState, desired: PolicyData): Promise<void> {
    try {
      for (const tally of state.datasets) {
        for (let store = 0; store < tally.stores; store++) {
          await this.#countStore(copies, tally, store, desired)
          tally.storesDone += 1
        }
      }
      this.#state = { ...state, running: false }
    } catch (error) {
      if (!(error instanceof DenizenError)) throw error
      this.#state = { ...state, running: false, failure: error.message }
    }
  }

  async #countStore(
    { shards, table }: CountedCopies,
    tally: Tally,
    store: number,
    desired: PolicyData,
  ): Promise<void> {
    const { dataset } = tally
    const common = {
      ...{ rowsMax: limits.scrubRowsPerSlice, bytesMax: limits.scrubBytesPerSlice },
      ...desiredOf(table.data, desired, dataset),
    }
    let next: Pick<CensusRequest, 'from' | 'group'> | undefined = {}
    while (next) {
      if (this.#stopped) throw notOpen()
      const slice: CensusReply = await shards.callStore(dataset, store, 'homeCensus', {
        ...common,
        ...next,
      })
      tally.damaged += slice.damaged
      tally.lines = addLines([...tally.lines, ...slice.lines])
      next = slice.next
      if (next) await this.#rest()
    }
  }

  #rest(): Promise<void> {
    return new Promise(resolve => {
      this.#options.clock.after(timing.scrubAskedPauseMs, resolve)
    })
  }
}

/** Regions of a policy to count under: what each slice looks through has to stay small. */
const DESIRED_REGIONS_MAX = 1_024

/** What the compiler would not have made, or what no change of a policy can do. */
function checkDesired(inForce: PolicyData, { regions, placements }: PolicyData): void {
  const ids = new Set(regions.map(({ id }) => id))
  const fixed = new Map(inForce.placements.map(placement => [placement.name, placement]))
  const isSound = placements.every(({ name, home, slots, groupBySegments }) => {
    const now = fixed.get(name)
    if (now && (now.slots !== slots || now.groupBySegments !== groupBySegments)) return false
    return new Set(home).size === home.length && home.every(region => ids.has(region))
  })
  if (isSound && regions.length <= DESIRED_REGIONS_MAX) return
  throw new DenizenError(
    'bad_request',
    'the policy changes what is fixed when a dataset is made, or homes data in no region of its own',
  )
}

/** A dataset that is not in the desired policy stays as it is until it is erased. */
function desiredOf(
  inForce: PolicyData,
  desired: PolicyData,
  dataset: string,
): Pick<CensusRequest, 'desired' | 'regions'> {
  const name = inForce.placements.find(({ id }) => id === dataset)?.name
  const ofName = ({ placements }: PolicyData) => placements.filter(it => it.name === name)
  const partitions = ofName(desired)
  const known = new Set(inForce.regions.map(({ id }) => id))
  return {
    desired: partitions.length > 0 ? partitions : ofName(inForce),
    regions: [...inForce.regions, ...desired.regions.filter(({ id }) => !known.has(id))],
  }
}

const notOpen = (): DenizenError => new DenizenError('not_ready', 'the stores are not open yet')
