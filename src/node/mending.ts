/**
 * What keeps a node's copies right by themselves: damaged records are found and repaired, and
 * copies are compared with those of others; and what the node answers to others that do the same.
 */
import { type ClusterRecord, hostOf } from '../coordination/cluster-record.ts'
import type { Hasher } from '../model/hash.ts'
import type { Placement, PlacementTable } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import { comparisonAnswers } from '../repair/comparison-answers.ts'
import { Comparisons } from '../repair/comparisons.ts'
import { Repairs, type RepairsOptions } from '../repair/repairs.ts'
import { Scrubber } from '../repair/scrubber.ts'
import type { ScrubReport } from '../routing/scrub-report.ts'
import type { PeerAnswer } from './serving.ts'

export interface MendingOptions extends RepairsOptions {
  readonly hasher: Hasher
  readonly record: () => ClusterRecord
  readonly table: () => PlacementTable
  /** Of this node. */
  readonly datasets: () => readonly string[]
}

export class Mending {
  /** By the name of the call. */
  readonly answers: Readonly<Record<string, PeerAnswer>>
  readonly #repairs: Repairs
  readonly #scrubber: Scrubber
  readonly #comparisons: Comparisons

  constructor(options: MendingOptions) {
    const { record } = options
    const onDamaged = (dataset: string, key: string): void => this.onDamaged(dataset, key)
    this.#repairs = new Repairs(options)
    this.#scrubber = new Scrubber({ ...options, onDamaged })
    this.#comparisons = new Comparisons({
      ...{ ...options, onDamaged },
      hostOf: feed => hostOf(record(), feed),
    })
    this.answers = {
      ...comparisonAnswers({ ...options, onDamaged }),
      repair: (from, body) => this.#repairs.answer(from, body),
    }
  }

  start(): void {
    this.#scrubber.start()
    this.#comparisons.start()
  }

  stop(): void {
    this.#scrubber.stop()
    this.#comparisons.stop()
    this.#repairs.stop()
  }

  /** A record seems to be damaged. */
  onDamaged(dataset: string, key: string): void {
    this.#repairs.onDamaged(dataset, key)
  }

  /** See `Comparisons.compareWhole`. */
  compare(placement: Placement, region: RegionId): Promise<number> {
    return this.#comparisons.compareWhole(placement, region)
  }

  /** Of the scrub under way, or of the last one; `start` begins one, or hurries that under way. */
  scrub(start: boolean): ScrubReport {
    const scrubbed = start ? this.#scrubber.ask() : this.#scrubber.view()
    const [repairs, comparisons] = [this.#repairs.counts(), this.#comparisons.counts()]
    return { ...scrubbed, repairs, comparisons }
  }
}
