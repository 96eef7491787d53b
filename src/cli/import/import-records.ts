/**
 * Imports the records of a file through streamed batches, one for each hinted region, and keeps
 * count of what is acknowledged.
 */
import type { Format } from '../../api/media-type.ts'
import { PutLane } from './put-lane.ts'
import type { ImportRecord } from './records.ts'
import { Tally } from './tally.ts'

export interface RecordImportOptions {
  readonly url: string
  readonly dataset: string
  readonly format: Format
  readonly records: AsyncIterable<readonly ImportRecord[]>
  /** Records from the beginning that are in already. */
  readonly skip: number
  /** The hint for a record's home; undefined leaves it to the region that it enters. */
  readonly hintFor: (record: ImportRecord) => string | undefined
  /** Runs after each result. */
  readonly onResult: (record: ImportRecord) => void
}

export interface RecordImportReport {
  /** Records that were written, in this run. */
  readonly records: number
  /** Records that an earlier run had written. */
  readonly skipped: number
  readonly durationMs: number
  readonly recordsPerSecond: number
  /** By hint: records that went there. Those without a hint are under the empty text. */
  readonly hinted: Readonly<Record<string, number>>
  /** By region: records whose home it is. */
  readonly homes: Readonly<Record<string, number>>
  /** By error code: records that could not be written. */
  readonly failures: Readonly<Record<string, FailedRecords>>
}

export interface FailedRecords {
  readonly count: number
  /** Numbers of the first ones, counted from 1. */
  readonly items: readonly number[]
}

const shownItems = 5

/** Throws `CliError` where no node answers, or the file has something that is no record. */
export async function importRecords(options: RecordImportOptions): Promise<RecordImportReport> {
  const lanes = new Lanes(options)
  const startMs = performance.now()
  let skipped = 0
  try {
    for await (const records of options.records) {
      const rest = records.filter(({ index }) => index >= options.skip)
      skipped += records.length - rest.length
      await lanes.add(rest)
    }
  } finally {
    await lanes.end()
  }
  const durationMs = performance.now() - startMs
  const { written, homes } = lanes.tally
  return {
    records: written,
    skipped,
    durationMs,
    recordsPerSecond: Math.round((written / durationMs) * 1_000),
    hinted: Object.fromEntries(lanes.hinted),
    homes: Object.fromEntries(homes),
    failures: Object.fromEntries(lanes.failed),
  }
}

class Lanes {
  readonly tally = new Tally()
  readonly hinted = new Map<string, number>()
  readonly failed = new Map<string, { count: number; items: number[] }>()
  readonly #options: RecordImportOptions
  readonly #lanes = new Map<string, { lane: PutLane<ImportRecord>; running: Promise<void> }>()
  /** Ends all lanes where one has failed for good. */
  readonly #failure = new AbortController()

  constructor(options: RecordImportOptions) {
    this.#options = options
  }

  /** Resolves once there is room for more. Throws what a lane throws. */
  async add(records: readonly ImportRecord[]): Promise<void> {
    const byHint = Map.groupBy(records, record => this.#options.hintFor(record) ?? '')
    for (const [hint, group] of byHint) {
      this.hinted.set(hint, (this.hinted.get(hint) ?? 0) + group.length)
      const { lane, running } = this.#lane(hint)
      // A lane that has failed takes no more, and its `running` says why.
      await Promise.race([lane.add(group), running])
    }
  }

  async end(): Promise<void> {
    for (const { lane } of this.#lanes.values()) lane.end()
    await Promise.all([...this.#lanes.values()].map(({ running }) => running))
  }

  #lane(hint: string): { lane: PutLane<ImportRecord>; running: Promise<void> } {
    const open = this.#lanes.get(hint)
    if (open) return open
    const { url, dataset, format } = this.#options
    const lane = new PutLane<ImportRecord>({
      url,
      dataset,
      format,
      ...(hint !== '' && { hint }),
      signal: this.#failure.signal,
      onResult: (record, result) => {
        this.tally.add(result)
        if (result.kind === 'failed') this.#note(result.code, record)
        this.#options.onResult(record)
      },
    })
    const running = lane.run().catch((error: unknown) => {
      this.#failure.abort(error)
      throw error
    })
    // Awaited in `add` and `end`; until then a failure is not unhandled.
    running.catch(() => {})
    const made = { lane, running }
    this.#lanes.set(hint, made)
    return made
  }

  #note(code: string, { index }: ImportRecord): void {
    const failed = this.failed.get(code) ?? { count: 0, items: [] }
    failed.count += 1
    if (failed.items.length < shownItems) failed.items.push(index + 1)
    this.failed.set(code, failed)
  }
}
