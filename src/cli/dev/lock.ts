/** One world per data directory: `dev.lock` names the process that runs it. */
import { createHash } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pidFileHolder, takePidFile } from '../../runtime/pid-file.ts'
import { CliError, exitCodes } from '../exit-codes.ts'

/** Where `denizen dev` keeps its data, below the working directory. */
export const defaultDataDirectory = '.denizen/dev'

export interface WorldLock {
  release(): void
}

const lockFile = (dataDirectory: string): string => join(resolve(dataDirectory), 'dev.lock')

/** Throws `CliError` when another world runs on the same data. */
export function lockWorld(dataDirectory: string): WorldLock {
  mkdirSync(resolve(dataDirectory), { recursive: true })
  const lock = takePidFile(lockFile(dataDirectory))
  if ('heldBy' in lock) {
    throw new CliError(
      exitCodes.usage,
      `a world runs on ${dataDirectory} already, as pid ${lock.heldBy}`,
      `Use it ("denizen dev status"), stop it (Ctrl-C there, or "kill ${lock.heldBy}"), or run a second one with --data and --port-base.`,
    )
  }
  rmSync(controlSocket(dataDirectory), { force: true })
  process.once('exit', lock.release)
  return {
    release: () => {
      process.off('exit', lock.release)
      lock.release()
    },
  }
}

/** The pid that runs the world of a data directory; `undefined` when nobody does. */
export const worldHolder = (dataDirectory: string): number | undefined =>
  pidFileHolder(lockFile(dataDirectory))

/** Unix socket paths are limited to about 100 bytes: a deep data directory gets one elsewhere. */
export function controlSocket(dataDirectory: string): string {
  const inData = join(resolve(dataDirectory), 'control.sock')
  if (Buffer.byteLength(inData) <= 100) return inData
  const name = createHash('sha256').update(inData).digest('hex').slice(0, 16)
  return join(tmpdir(), `denizen-${name}.sock`)
}
