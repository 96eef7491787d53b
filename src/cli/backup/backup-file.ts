/**
 * The file that `denizen backup` writes: under another name until all of it is on disk and has been
 * read back, so that what has the name of a backup is one.
 */
import { once } from 'node:events'
import { closeSync, createWriteStream, fsyncSync, openSync, statSync, writeSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { BackupManifest } from '../../node/backup-file.ts'
import { verifyBackup } from '../../node/backup-reader.ts'
import { syncDirectory } from '../../runtime/node-disk.ts'
import { usageError } from '../exit-codes.ts'

export interface WrittenBackup {
  readonly file: string
  readonly bytes: number
  readonly region: string
  readonly parts: BackupManifest['parts']
}

/** `out`: the file, or a directory in which it gets a name. */
export function backupPath(out: string, nowMs: number): string {
  if (!statSync(out, { throwIfNoEntry: false })?.isDirectory()) return out
  const moment = new Date(nowMs).toISOString().replaceAll(/[:.]/g, '-')
  return join(out, `${moment}.denizen-backup`)
}

/** Has a backup written to a new file descriptor, and makes it durable under its name. */
export async function keepBackup(
  file: string,
  write: (descriptor: number) => Promise<void>,
): Promise<WrittenBackup> {
  const partial = `${file}.partial`
  const descriptor = openNew(file, partial)
  try {
    try {
      await write(descriptor)
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    const { header, manifest } = await verifyBackup(partial)
    await rename(partial, file)
    await syncDirectory(dirname(file))
    const { size: bytes } = statSync(file)
    return { file, bytes, region: header.region, parts: manifest.parts }
  } catch (error) {
    await rm(partial, { force: true })
    throw error
  }
}

/** Whoever may read the file may read the data. */
function openNew(file: string, partial: string): number {
  if (statSync(file, { throwIfNoEntry: false })) {
    throw usageError(`${file} is there already`, 'Name another file with --out.')
  }
  try {
    return openSync(partial, 'wx', 0o600)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? `${error.code}` : `${error}`
    throw usageError(
      `${partial} can not be written (${code})`,
      code === 'EEXIST'
        ? 'Another backup is being written there; remove the file if none is.'
        : 'Name another file with --out.',
    )
  }
}

export function writeAll(descriptor: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at)
}

/** Writes what comes in, at the pace of the disk. */
export async function writeStream(
  descriptor: number,
  body: ReadableStream<Uint8Array>,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const file = createWriteStream('', { fd: descriptor, autoClose: false })
  for await (const bytes of body) {
    if (!file.write(bytes)) await once(file, 'drain')
    onBytes(bytes.length)
  }
  file.end()
  await once(file, 'finish')
}
