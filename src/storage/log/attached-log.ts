/** A store as a thread reads it that does not own it. */
import {
  type AttachedReader,
  EngineFailure,
  type RangeOptions,
  type Row,
  type SharedState,
} from '../engine.ts'
import { AttachedOverlays } from './attached-overlays.ts'
import { LogReader } from './log-reader.ts'
import type { Phase } from './overlays.ts'

export class AttachedLog implements AttachedReader {
  readonly #base: AttachedReader
  readonly #overlays: AttachedOverlays
  readonly #reader: LogReader
  #isClosed = false

  constructor(base: AttachedReader, shared: SharedState) {
    this.#base = base
    this.#overlays = new AttachedOverlays(shared)
    this.#reader = new LogReader(this.#overlays, base, this)
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#reader.get(key)
  }

  peek(key: Uint8Array): Uint8Array | undefined {
    return this.#reader.peek(key)
  }

  range(options: RangeOptions): IterableIterator<Row> {
    return this.#reader.range(options)
  }

  atOnce<T>(read: () => T): T {
    return this.#overlays.atOnce(() => this.#base.atOnce(read))
  }

  stamp(): number {
    return this.#isClosed ? Number.NaN : this.#reader.stamp()
  }

  *snapshot({ from, to, reverse = false }: RangeOptions): IterableIterator<Row> {
    const range = { from, to, reverse }
    const { rows, base } = this.#reader.copied(range, () => this.#base.snapshot(range))
    this.#overlays.release()
    try {
      for (const { key, value } of rows) if (value !== null) yield { key, value }
    } finally {
      base.return?.()
    }
  }

  enter(): Phase {
    if (this.#isClosed) throw new EngineFailure('The store is closed.')
    return this.#overlays.enter()
  }

  covers(phase: Phase): boolean {
    return this.#overlays.covers(phase)
  }

  get turn(): number {
    return this.#overlays.turn
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#overlays.release()
    await this.#base.close()
  }
}
