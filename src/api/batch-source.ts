/**
 * The operations of a streamed batch, gathered from its body into chunks that run one at a time: a
 * chunk is what came in while the one before it ran, so that commits group by themselves and a
 * single operation does not wait. Reading pauses while a chunk is full.
 *
 * Operations on one key take effect in the order of the stream, though those of a chunk run side by
 * side: where a key comes again, and one of the two writes it, the next chunk begins.
 */
import type { Operation } from '../execution/operation.ts'
import { DenizenError } from '../model/errors.ts'
import type { Key } from '../model/key.ts'
import { limits, timing } from '../model/limits.ts'
import { SequenceSplitter } from '../protocol/sequence.ts'
import type { Clock } from '../runtime/clock.ts'
import { operationOf } from './batch-body.ts'
import type { Planned, Planner } from './batch-operation.ts'
import type { Format } from './media-type.ts'
import { Signal } from './signal.ts'

/** Grows while results are small, so that large values do not come all at once. */
const FIRST_CHUNK_OPS = 16

export interface BatchSourceOptions {
  readonly format: Format
  readonly clock: Clock
  readonly planner: Planner
}

export class BatchSource {
  readonly #options: BatchSourceOptions
  readonly #splitter: SequenceSplitter
  readonly #filled = new Signal()
  readonly #emptied = new Signal()
  #chunk = new Chunk()
  #chunkOpsMax = FIRST_CHUNK_OPS
  #count = 0
  #ended = false
  #failure: DenizenError | undefined

  constructor(options: BatchSourceOptions) {
    this.#options = options
    this.#splitter = new SequenceSplitter(options.format, limits.streamItemBytesMax)
  }

  /** Why the stream ended before its end, once `take` has given out what came before. */
  get failure(): DenizenError | undefined {
    return this.#failure
  }

  /** Reads the body to its end or its first mistake. Only bugs reject. */
  async fill(body: ReadableStream<Uint8Array>): Promise<void> {
    try {
      const reader = body.getReader()
      while (!this.#ended) {
        const { done, value } = await this.#read(reader)
        if (done) break
        await this.#addAll(this.#splitter.push(value))
        this.#filled.notify()
      }
      const last = this.#splitter.end()
      if (last) await this.#addAll([last])
    } catch (error) {
      if (!(error instanceof DenizenError)) throw error
      this.#failure = error
    } finally {
      this.stop()
    }
  }

  /** Nothing more is to be read. */
  stop(): void {
    this.#ended = true
    this.#filled.notify()
    this.#emptied.notify()
  }

  /** The next chunk, once there is one; empty at the end. */
  async take(): Promise<readonly Planned[]> {
    while (this.#chunk.planned.length === 0 && !this.#ended) await this.#filled.next
    const { planned } = this.#chunk
    this.#chunk = new Chunk()
    this.#emptied.notify()
    return planned
  }

  /** Learns from a chunk how large the next may be, so that its results are as many as may wait. */
  fit(operations: number, resultBytes: number): void {
    const fitting = Math.floor((limits.unreadResultsBytesMax * operations) / resultBytes)
    const grown = Math.min(fitting, this.#chunkOpsMax * 2, limits.streamChunkOpsMax)
    this.#chunkOpsMax = Math.max(1, grown)
  }

  async #addAll(items: Iterable<Uint8Array>): Promise<void> {
    try {
      await this.#planAll(items)
    } finally {
      this.#options.planner.settle()
    }
  }

  async #planAll(items: Iterable<Uint8Array>): Promise<void> {
    const { planner, format } = this.#options
    for (const item of items) {
      if (format === 'json' && isBlank(item)) continue
      const planned = planner.plan(operationOf(item, format), this.#count)
      while (!this.#chunk.takes(planned, this.#chunkOpsMax)) {
        planner.settle()
        this.#filled.notify()
        await this.#emptied.next
        if (this.#ended) return
      }
      this.#chunk.add(planned, item.length)
      this.#count += 1
    }
  }

  async #read(
    reader: ReadableStreamDefaultReader<Uint8Array>,
  ): Promise<ReadableStreamReadResult<Uint8Array>> {
    const late = Promise.withResolvers<never>()
    const cancel = this.#options.clock.after(timing.streamIdleMaxMs, () =>
      late.reject(
        new DenizenError('body_timeout', `nothing came for ${timing.streamIdleMaxMs / 1_000} s`),
      ),
    )
    try {
      return await Promise.race([reader.read(), late.promise])
    } catch (error) {
      if (error instanceof DenizenError) throw error
      throw new DenizenError('bad_body', 'the body ended early', { cause: error })
    } finally {
      cancel()
    }
  }
}

class Chunk {
  readonly planned: Planned[] = []
  readonly #writes = new Map<Key, boolean>()
  #bytes = 0

  takes(planned: Planned, opsMax: number): boolean {
    if (this.planned.length === 0) return true
    if (this.planned.length >= opsMax || this.#bytes >= limits.streamChunkBytesMax) return false
    if (planned.kind !== 'run') return true
    const written = this.#writes.get(planned.operation.key)
    return written === undefined || (!written && !writes(planned.operation))
  }

  add(planned: Planned, bytes: number): void {
    this.planned.push(planned)
    this.#bytes += bytes
    if (planned.kind === 'run') this.#writes.set(planned.operation.key, writes(planned.operation))
  }
}

const writes = (operation: Operation): boolean => operation.kind !== 'get'

/** Empty lines of NDJSON are no items. */
const isBlank = (line: Uint8Array): boolean => line.every(byte => byte <= 0x20)
