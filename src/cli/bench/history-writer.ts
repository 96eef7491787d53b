/** Writes a history as it happens, so that a run that is ended leaves what it has seen. */
import { once } from 'node:events'
import { createWriteStream, type WriteStream } from 'node:fs'
import { type HistoryHeader, newHeader, type OperationRecord } from '../../simulation/history.ts'
import { historyLine } from '../../simulation/history-file.ts'
import { usageError } from '../exit-codes.ts'

/** Of regions whose clocks are set by NTP, with much to spare; values of a run live for longer. */
const clocksDifferMs = 60_000

export const benchHeader: HistoryHeader = { ...newHeader('bench'), clocksDifferMs }

export class HistoryWriter {
  readonly #stream: WriteStream
  #failure: Error | undefined

  private constructor(stream: WriteStream) {
    this.#stream = stream
    stream.on('error', error => {
      this.#failure = error
    })
    stream.write(historyLine(benchHeader))
  }

  /** Replaces what the file held. */
  static async create(path: string): Promise<HistoryWriter> {
    const stream = createWriteStream(path)
    await once(stream, 'open').catch((error: NodeJS.ErrnoException) => {
      throw usageError(`${path} can not be written (${error.code})`)
    })
    return new HistoryWriter(stream)
  }

  /** Throws where an earlier line could not be written: a history has all, or is none. */
  add(record: OperationRecord): void {
    if (this.#failure) throw this.#failure
    this.#stream.write(historyLine(record))
  }

  async close(): Promise<void> {
    if (this.#failure) throw this.#failure
    this.#stream.end()
    await once(this.#stream, 'close')
  }
}
