/**
 * The machine of one region: its disk outlives the processes that run on it. What a process has not
 * synced when it ends is lost, unless it landed all the same.
 */
import { assert } from '../model/assert.ts'
import type { Disk } from '../runtime/disk.ts'
import type { Row, RowChange } from '../storage/engine.ts'
import { createMemoryEngineKind, type MemoryEngineKind } from '../storage/memory-engine.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { VirtualTime } from './virtual-time.ts'

export interface MachineOptions {
  readonly time: VirtualTime
  readonly random: SeededRandom
  /** A commit of a store has become durable, and visible to readers. */
  readonly onFlushed: (directory: string, changes: readonly RowChange[]) => void
}

interface RowRange {
  readonly from: Uint8Array
  readonly to: Uint8Array
}

const everything: RowRange = { from: Uint8Array.of(0), to: Uint8Array.of(0xff) }

export class Machine {
  readonly stores: MemoryEngineKind
  readonly #options: MachineOptions
  readonly #files = new Map<string, Uint8Array>()
  readonly #directories = new Set<string>()
  readonly #byDataset = new Map<string, string[]>()
  /** What a sync takes at least now, in ms. */
  slowMs = 0
  #boots = 0

  constructor(options: MachineOptions) {
    const { time, onFlushed } = options
    this.#options = options
    this.stores = createMemoryEngineKind({
      onFlushed,
      whenToFlush: (flush, directory) => {
        this.#add(directory)
        time.after(this.#syncMs(), flush)
      },
    })
  }

  #add(directory: string): void {
    if (this.#directories.has(directory)) return
    this.#directories.add(directory)
    const dataset = directory.slice(0, directory.lastIndexOf(' '))
    this.#byDataset.set(dataset, [...this.directoriesOf(dataset), directory])
  }

  /** The port for small files, as the process of now has it. */
  disk(): Disk {
    const boot = this.#boots
    const { time, random } = this.#options
    return {
      read: async path => this.#files.get(path)?.slice(),
      replace: (path, bytes) => {
        const copy = bytes.slice()
        return new Promise(resolve => {
          time.after(this.#syncMs(), () => {
            // Cut off amid it: the old file is there, or the new one, and nobody is told.
            if (boot !== this.#boots) {
              if (random.oneIn(2) && boot === this.#boots - 1) this.#files.set(path, copy)
              return
            }
            this.#files.set(path, copy)
            resolve()
          })
        })
      },
      roomBytes: () => Number.POSITIVE_INFINITY,
    }
  }

  /** Ends what the process had begun to write: kill -9 and a power cut alike. */
  crash(): void {
    this.#boots += 1
    for (const directory of this.#directories) {
      this.stores.crash(directory, { landed: this.#options.random.oneIn(2) })
    }
  }

  /** The durable rows of [from, to). */
  rows(directory: string, { from, to }: RowRange): Iterable<Row> {
    return this.stores.rows(directory)?.between(from, to) ?? []
  }

  row(directory: string, key: Uint8Array): Uint8Array | undefined {
    return this.stores.rows(directory)?.get(key)?.value
  }

  /** Erases all that there is of datasets. Their stores are named by them. */
  erase(datasets: readonly string[]): void {
    for (const directory of this.#directories) {
      if (datasets.some(dataset => directory.startsWith(`${dataset} `)))
        this.stores.erase(directory)
    }
  }

  /** Durable rows of a dataset's stores that have a text in key or value. */
  rowsNaming(dataset: string, text: string): number {
    return this.directories()
      .filter(directory => directory.startsWith(`${dataset} `))
      .flatMap(directory => [...this.rows(directory, everything)])
      .filter(({ key, value }) => Buffer.concat([key, value]).includes(text)).length
  }

  /** Of the stores of a dataset. */
  directoriesOf(dataset: string): readonly string[] {
    return this.#byDataset.get(dataset) ?? []
  }

  /** Every store directory that was ever written. */
  directories(): readonly string[] {
    return [...this.#directories]
  }

  #syncMs(): number {
    const { random } = this.#options
    const syncMs = random.oneIn(200) ? random.between(5, 80) : random.between(0.2, 2)
    assert(this.slowMs >= 0, 'a disk takes its time')
    return syncMs + this.slowMs
  }
}
