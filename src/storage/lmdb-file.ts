/** The file of an LMDB store: how it is made, checked before it is opened, and opened. */
import { existsSync } from 'node:fs'
import { mkdir, open as openFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { open as openEnvironment, type RootDatabase, type Transaction } from 'lmdb'
import { makeDirectory, syncDirectory } from '../runtime/node-disk.ts'

export type { Transaction }

/** lmdb-js takes a transaction to read in, which its types leave out. */
export interface Environment extends RootDatabase<Uint8Array, Uint8Array> {
  getBinaryFast(
    key: Uint8Array,
    options?: { readonly transaction: Transaction | undefined },
  ): Buffer | undefined
}

export const fileName = 'data.mdb'
/** Where a new file is prepared, so that `data.mdb` appears whole or not at all. */
const nurseryName = 'new'

/** Address space, not disk: 512 stores of it fit the 128 TiB of a 64-bit process. */
const mapSizeBytes = 2 ** 36
const pageSizeBytes = 4_096
/** Snapshots open at once, over all threads of the process. */
const readersMax = 254

/** LMDB's page number of a tree without rows. */
const noPage = 2n ** 64n - 1n

/** Makes the file where it is absent; throws where it can't be opened. */
export async function prepareStore(file: string, readOnly: boolean): Promise<void> {
  if (!existsSync(file)) {
    if (readOnly) throw new Error(`there is no ${fileName}`)
    await createStore(dirname(file))
  } else if (!readOnly) await syncNames(dirname(file))
  await checkHeader(file, readOnly)
}

export function openStore(directory: string, readOnly: boolean): Environment {
  return openEnvironment<Uint8Array, Uint8Array>({
    path: directory,
    noSubdir: false,
    readOnly,
    overlappingSync: false,
    // It would promise each commit a second time, to nobody: a failed one then ends the process.
    eventTurnBatching: false,
    keyEncoding: 'binary',
    encoding: 'binary',
    compression: false,
    mapSize: mapSizeBytes,
    pageSize: pageSizeBytes,
    maxReaders: readersMax,
  })
}

/** LMDB writes a new file without a sync: half a file after a power cut would not open again. */
async function createStore(directory: string): Promise<void> {
  const nursery = join(directory, nurseryName)
  await makeDirectory(directory)
  await rm(nursery, { recursive: true, force: true })
  await mkdir(nursery)
  await openStore(nursery, false).close()
  await sync(join(nursery, fileName))
  await rename(join(nursery, fileName), join(directory, fileName))
  await rm(nursery, { recursive: true })
  await syncDirectory(directory)
}

/** Who created the store may have been killed, or have lost power, before it could do this. */
async function syncNames(directory: string): Promise<void> {
  await syncDirectory(directory)
  await syncDirectory(dirname(directory))
}

/**
 * lmdb-js takes the process down where LMDB can't open a file, so damage has to be found before:
 * both meta pages (magic, page size, roots of the two trees) must be there, and those roots inside
 * the file. Damage that lies deeper is for the checksums of the records.
 */
async function checkHeader(file: string, readOnly: boolean): Promise<void> {
  const handle = await openFile(file, readOnly ? 'r' : 'r+')
  try {
    const { size } = await handle.stat()
    const header = new DataView(new ArrayBuffer(2 * pageSizeBytes))
    await handle.read(header, 0, header.byteLength, 0)
    for (const at of [0, pageSizeBytes]) {
      const magic = header.getUint32(at + 24, true)
      const pageBytes = header.getUint32(at + 48, true)
      const roots = [88, 136].map(offset => header.getBigUint64(at + offset, true))
      const sound =
        size >= header.byteLength &&
        magic === 0xbeefc0de &&
        pageBytes === pageSizeBytes &&
        roots.every(page => page === noPage || page < BigInt(size) / BigInt(pageSizeBytes))
      if (!sound) throw new Error(`${fileName} is damaged`)
    }
  } finally {
    await handle.close()
  }
}

async function sync(path: string): Promise<void> {
  const handle = await openFile(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
