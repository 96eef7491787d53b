/** Backups of a running node, as a core answers with them: one at a time, each from a thread. */
import { dirname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { BackupRequest } from '../api/administration.ts'
import { assert } from '../model/assert.ts'
import { DenizenError } from '../model/errors.ts'
import type { RegionId } from '../model/slot.ts'
import { nodeDisk } from '../runtime/node-disk.ts'
import type { BackupHeader } from './backup-file.ts'
import { planBackup } from './backup-plan.ts'
import type { BackupBirth, FromBackup } from './backup-thread.ts'
import { BackupWindow } from './backup-window.ts'
import type { ServingState } from './core-messages.ts'
import { readLayout } from './data-directory.ts'
import { version } from './version.ts'

type Body = ReadableStream<Uint8Array>

export class Backups {
  readonly #self: RegionId
  #state: ServingState | undefined
  /** Ends the one that is being made; resolves when its thread is gone. */
  #cancel: (() => Promise<void>) | undefined

  constructor(self: RegionId) {
    this.#self = self
  }

  /** The node serves: there is something to back up. */
  serves(state: ServingState): void {
    this.#state = state
  }

  /** See `Administration.backUp`. */
  async open(request: BackupRequest): Promise<Body> {
    const state = this.#state
    if (!state) throw new DenizenError('not_ready', 'the stores are not open yet')
    const { record, sharedStores } = state
    const chosen = new Set(planBackup(record, this.#self, request).map(({ id }) => id))
    if (this.#cancel) throw new DenizenError('overloaded', 'another backup is being made')
    this.#cancel = async () => {}
    try {
      const stores = sharedStores.filter(({ dataset }) => chosen.has(dataset))
      const header = await this.#header(state, request, stores)
      return this.#stream({ header, stores, window: new BackupWindow().shared })
    } catch (error) {
      this.#cancel = undefined
      throw error
    }
  }

  async close(): Promise<void> {
    await this.#cancel?.()
  }

  async #header(
    { record }: ServingState,
    { place }: BackupRequest,
    stores: ServingState['stores'],
  ): Promise<BackupHeader> {
    const nodeId = record.members[this.#self]?.nodeId
    assert(nodeId, 'a node that serves is a member')
    const folders = new Set(stores.map(({ directory }) => dirname(directory)))
    const datasets = await Promise.all(
      [...folders].map(async folder => {
        const layout = await readLayout(nodeDisk, folder)
        assert(layout, 'a dataset whose stores are open is laid out')
        return layout
      }),
    )
    return { nodeId, region: this.#self, place, writtenBy: version, record, datasets }
  }

  #stream(birth: BackupBirth): Body {
    const window = new BackupWindow(birth.window)
    const worker = new Worker(new URL('./backup-thread.ts', import.meta.url), { workerData: birth })
    const ended = new Promise<void>(resolve => worker.once('exit', () => resolve()))
    const messages = new Messages()
    worker.on('message', (message: FromBackup) => messages.put(message))
    worker.on('error', error => messages.put({ kind: 'failed', trace: `${error}` }))
    const cancel = async (): Promise<void> => {
      window.cancel()
      await ended
    }
    this.#cancel = cancel
    void ended.then(() => {
      this.#cancel = undefined
      messages.put({ kind: 'failed', trace: 'the thread ended' })
    })
    return new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          const message = await messages.take()
          if (message.kind === 'done') controller.close()
          else if (message.kind === 'failed') controller.error(new Error(message.trace))
          else {
            controller.enqueue(message.bytes)
            window.taken(message.bytes.length)
          }
        },
        cancel,
      },
      { highWaterMark: 0 },
    )
  }
}

/** Messages of the thread that wait for the client; the window bounds them. */
class Messages {
  readonly #waiting: FromBackup[] = []
  #wanted: ((message: FromBackup) => void) | undefined

  put(message: FromBackup): void {
    const wanted = this.#wanted
    this.#wanted = undefined
    if (wanted) wanted(message)
    else this.#waiting.push(message)
  }

  take(): Promise<FromBackup> {
    const next = this.#waiting.shift()
    if (next) return Promise.resolve(next)
    return new Promise(resolve => {
      this.#wanted = resolve
    })
  }
}
