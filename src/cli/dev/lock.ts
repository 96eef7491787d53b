/**
 * One world per data directory: `dev.lock` names the process that runs it and its control socket.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { CliError, exitCodes } from '../exit-codes.ts'

const holderSchema = z.strictObject({
  pid: z.int().positive(),
  /** Tells the process from a later one that got the same pid; absent where unknown. */
  startedAt: z.string().optional(),
  socket: z.string(),
})
export type LockHolder = z.infer<typeof holderSchema>

export interface WorldLock {
  readonly socket: string
  release(): void
}

const lockFile = (dataDirectory: string): string => join(resolve(dataDirectory), 'dev.lock')

/** Throws `CliError` when another world runs on the same data. */
export function lockWorld(dataDirectory: string): WorldLock {
  const file = lockFile(dataDirectory)
  mkdirSync(resolve(dataDirectory), { recursive: true })
  const startedAt = processStart(process.pid)
  const socket = socketPath(dataDirectory)
  const content: LockHolder = { pid: process.pid, socket, ...(startedAt && { startedAt }) }
  try {
    writeFileSync(file, JSON.stringify(content), { flag: 'wx' })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    const holder = worldHolder(dataDirectory)
    if (holder) throw alreadyRunning(dataDirectory, holder)
    // What a killed process left behind.
    rmSync(file, { force: true })
    writeFileSync(file, JSON.stringify(content), { flag: 'wx' })
  }
  rmSync(socket, { force: true })
  const release = (): void => rmSync(file, { force: true })
  process.once('exit', release)
  return {
    socket,
    release: () => {
      process.off('exit', release)
      release()
    },
  }
}

/** Who runs the world of a data directory; `undefined` when nobody does. */
export function worldHolder(dataDirectory: string): LockHolder | undefined {
  const holder = holderSchema.safeParse(readJson(lockFile(dataDirectory))).data
  if (!holder || !isAlive(holder.pid)) return undefined
  const startedAt = processStart(holder.pid)
  const isSame = holder.startedAt === undefined || holder.startedAt === startedAt
  return isSame ? holder : undefined
}

function alreadyRunning(dataDirectory: string, { pid }: LockHolder): CliError {
  return new CliError(
    exitCodes.usage,
    `a world runs on ${dataDirectory} already, as pid ${pid}`,
    `Use it ("denizen dev status"), stop it (Ctrl-C there, or "kill ${pid}"), or run a second one with --data and --port-base.`,
  )
}

/** Unix socket paths are limited to about 100 bytes; a deep data directory gets one elsewhere. */
function socketPath(dataDirectory: string): string {
  const inData = join(resolve(dataDirectory), 'control.sock')
  if (Buffer.byteLength(inData) <= 100) return inData
  const name = createHash('sha256').update(inData).digest('hex').slice(0, 16)
  return join(tmpdir(), `denizen-${name}.sock`)
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/** Field 22 of /proc/<pid>/stat: clock ticks from boot to the start of the process. Linux only. */
function processStart(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The second field is a name in parentheses that may hold spaces.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}
