/** A watch that tells what a test tells it to. */
import type { DenizenError } from '../../src/model/errors.ts'
import type { Key } from '../../src/model/key.ts'
import type { OpenWatch, WatchBatch, WatchEvent } from '../../src/routing/service.ts'

export const put = (key: string, value: string, mediaType = 'application/json'): WatchEvent => ({
  kind: 'put',
  key: key as Key,
  version: { term: 1, seq: 7 },
  mediaType,
  value: Buffer.from(value),
})

export class ScriptedWatch {
  /** Batches that were taken. */
  taken = 0
  hasEnded = false
  readonly #batches: WatchBatch[] = []
  #failure: DenizenError | undefined
  #wake: () => void = () => {}

  tell(...batches: readonly WatchBatch[]): void {
    this.#batches.push(...batches)
    this.#wake()
  }

  fail(error: DenizenError): void {
    this.#failure = error
    this.#wake()
  }

  get open(): OpenWatch {
    return { kind: 'watch', batches: this.#run(), end: () => this.#end() }
  }

  #end(): void {
    this.hasEnded = true
    this.#wake()
  }

  async *#run(): AsyncGenerator<WatchBatch> {
    while (!this.hasEnded) {
      const batch = this.#batches.shift()
      if (batch) {
        this.taken += 1
        yield batch
      } else if (this.#failure) throw this.#failure
      else {
        await new Promise<void>(resolve => {
          this.#wake = resolve
        })
      }
    }
  }
}
