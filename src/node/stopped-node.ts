/** A backup of a node that does not run, from the files of its data directory. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { BackupRequest } from '../api/administration.ts'
import { clusterRecordSchema } from '../coordination/cluster-record.ts'
import { requireKnownFormat } from '../coordination/data-format.ts'
import { decodeCbor } from '../protocol/cbor.ts'
import { nodeDisk } from '../runtime/node-disk.ts'
import { backupBytes, everyRow } from './backup-file.ts'
import { planBackup } from './backup-plan.ts'
import { build } from './build.ts'
import { datasetDirectory, lockDataDirectory, readLayout } from './data-directory.ts'
import { readIdentity } from './identity.ts'
import { StartError } from './start-error.ts'
import { storeEngine } from './store-engine.ts'

/**
 * Passes the bytes of a backup to `write`, piece by piece. The directory is held meanwhile, so that
 * no node starts on it. Throws `StartError`, and what `planBackup` throws.
 */
export async function backUpStoppedNode(
  directory: string,
  request: BackupRequest,
  write: (bytes: Uint8Array) => void,
): Promise<void> {
  if (!existsSync(join(directory, 'node.json'))) throw noNode(directory)
  const unlock = await lockDataDirectory(directory)
  const close: (() => Promise<void>)[] = []
  try {
    const identity = await readIdentity(nodeDisk, directory, build)
    const record = await readRecord(directory)
    if (!identity || !record || identity.restored) throw noNode(directory)
    const { nodeId, region } = identity
    const datasets = []
    const stores = []
    for (const { id: dataset } of planBackup(record, region, request)) {
      const folder = datasetDirectory(directory, dataset)
      const layout = await readLayout(nodeDisk, folder)
      if (!layout) throw noNode(directory)
      datasets.push(layout)
      for (let store = 0; store < layout.stores; store++) {
        const engine = await storeEngine.open(join(folder, String(store)), { readOnly: true })
        close.push(() => engine.close())
        stores.push({ dataset, store, rows: () => engine.range(everyRow) })
      }
    }
    const { place } = request
    const header = { nodeId, region, place, writtenBy: build.version, record, datasets }
    for (const bytes of backupBytes(header, stores)) write(bytes)
  } finally {
    await Promise.all(close.map(task => task()))
    unlock()
  }
}

async function readRecord(directory: string) {
  const bytes = await nodeDisk.read(join(directory, 'coordination.cbor'))
  if (!bytes) return undefined
  const body = decodeCbor(bytes)
  requireKnownFormat(body, build)
  return clusterRecordSchema.parse(body)
}

const noNode = (directory: string): StartError =>
  new StartError(
    `${directory} is not the data directory of a node that has served`,
    'Name what "denizen serve --data" was given; of "denizen dev": .denizen/dev/<region>.',
  )
