/**
 * Writes an LMDB store anew, because a file of LMDB keeps what was deleted: in pages that are free,
 * and in the gaps of pages that are not (its own compacting copy takes those pages as they are). So
 * row by row: nothing that the store does not hold comes into the new file.
 *
 * lmdb-js takes two files for one environment if their lock files are one. The new environment is
 * opened where it is made, with a lock file of its own; then both files take the places of the old
 * ones, the lock file first. Whoever opens the store meanwhile finds either the old environment or
 * the new one. After a crash between the two, the store is the old one: nobody else has it open,
 * so the lock file says nothing.
 */
import { renameSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { limits } from '../model/limits.ts'
import { syncDirectory } from '../runtime/node-disk.ts'
import { EngineFailure, type Row } from './engine.ts'
import { causeOfCommit } from './lmdb-errors.ts'
import { type Environment, fileName, openStore } from './lmdb-file.ts'

const nurseryName = 'compacting'
const lockName = 'lock.mdb'

/** An unfinished copy has what may have been erased since. */
export const dropUnfinishedCopy = (directory: string): Promise<void> =>
  rm(join(directory, nurseryName), { recursive: true, force: true })

/** A copy of the rows, on disk, which is not yet in its place. Throws once it is to stop. */
export async function copyRows(
  directory: string,
  rows: Iterable<Row>,
  isStopped: () => boolean,
): Promise<Environment> {
  await dropUnfinishedCopy(directory)
  const nursery = join(directory, nurseryName)
  await mkdir(nursery)
  const copy = openStore(nursery, false)
  try {
    for (const batch of batches(rows)) {
      if (isStopped()) throw new EngineFailure('The store is closed.')
      await copy.batch(() => {
        for (const { key, value } of batch) copy.put(key, value)
      })
    }
    return copy
  } catch (error) {
    const cause = await causeOfCommit(error)
    await copy.close()
    throw cause
  }
}

/** At once: no other thread of ours, and no turn of this one, comes between. */
export function putInPlace(directory: string): void {
  const nursery = join(directory, nurseryName)
  renameSync(join(nursery, lockName), join(directory, lockName))
  renameSync(join(nursery, fileName), join(directory, fileName))
}

/** From here on a start finds the copy. */
export async function keepInPlace(directory: string): Promise<void> {
  await syncDirectory(directory)
  await dropUnfinishedCopy(directory)
}

function* batches(rows: Iterable<Row>): Generator<Row[]> {
  let batch: Row[] = []
  let bytes = 0
  for (const row of rows) {
    batch.push(row)
    bytes += row.key.length + row.value.length
    if (batch.length < limits.checkpointRowsMax && bytes < limits.checkpointBytesMax) continue
    yield batch
    batch = []
    bytes = 0
  }
  if (batch.length > 0) yield batch
}
