/**
 * The entry of the thread that reads a backup of a running node. It reads every store along with
 * its owner, from one snapshot each and in one turn, so that no thread that serves is held up.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { assert } from '../model/assert.ts'
import type { SharedStore } from '../storage/shard-messages.ts'
import { traceOf } from '../storage/shard-worker.ts'
import { type BackupHeader, backupBytes, everyRow } from './backup-file.ts'
import { BackupWindow } from './backup-window.ts'
import { storeEngine } from './store-engine.ts'

/** The thread's `workerData`. */
export interface BackupBirth {
  readonly header: BackupHeader
  readonly stores: readonly SharedStore[]
  readonly window: SharedArrayBuffer
}

export type FromBackup =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly trace: string }

const main = parentPort
assert(main, 'a backup is read in a worker thread')
const { header, stores, window } = workerData as BackupBirth
const post = (message: FromBackup): void => main.postMessage(message)

const readers = await Promise.all(
  stores.map(async ({ dataset, store, directory, shared }) => {
    const engine = await storeEngine.attach(directory, shared)
    return { dataset, store, engine, rows: () => engine.snapshot(everyRow) }
  }),
)
try {
  post(send() ? { kind: 'done' } : { kind: 'failed', trace: 'nobody takes the backup' })
} catch (error) {
  post({ kind: 'failed', trace: traceOf(error) })
} finally {
  await Promise.all(readers.map(({ engine }) => engine.close()))
}

/** False: it was given up. */
function send(): boolean {
  const ahead = new BackupWindow(window)
  for (const piece of backupBytes(header, readers)) {
    const bytes = new Uint8Array(piece)
    if (!ahead.add(bytes.length)) return false
    post({ kind: 'bytes', bytes })
  }
  return true
}
