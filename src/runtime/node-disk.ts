/** The disk port on Node. */
import { accessSync, constants, statfsSync } from 'node:fs'
import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { Disk } from './disk.ts'

export const nodeDisk: Disk = {
  async read(path) {
    try {
      return await readFile(path)
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
    }
  },

  async replace(path, bytes) {
    const directory = dirname(path)
    await makeDirectory(directory)
    const temporary = `${path}.new`
    const file = await open(temporary, 'w', 0o600)
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
    await syncDirectory(directory)
  },

  roomBytes(path) {
    if (isReadOnly(path)) return 0
    const { bavail, bsize } = statfsSync(path)
    return bavail * bsize
  },
}

/** Other reasons for not being writable come up where something is written. */
function isReadOnly(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return false
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EROFS'
  }
}

/**
 * Makes a directory and those above it, as far as they are missing, all durable by name. The name
 * of one that is there is made durable too: who made it may have been killed before it could.
 */
export async function makeDirectory(directory: string): Promise<void> {
  const path = resolve(directory)
  const first = resolve((await mkdir(path, { recursive: true })) ?? path)
  for (let made = path; made.length >= first.length; made = dirname(made)) {
    await syncDirectory(dirname(made))
  }
}

/** Makes names in a directory durable. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT'
