/** What Linux tells of a process and of files: CPU time, memory, bytes on disk. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** Of `utime` and `stime` in /proc/PID/stat: USER_HZ, which is 100 on all that Node runs on. */
const ticksPerSecond = 100
const blockBytes = 512

/** CPU time that a process has taken, all of its threads, in seconds. Zero once it is gone. */
export function cpuSeconds(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // Behind the name, which may hold anything: fields 3 and up.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
  } catch {
    return 0
  }
}

export interface Memory {
  /** Heaps, stacks, and what threads share among themselves. */
  readonly anonBytes: number
  readonly shmemBytes: number
  /** Mapped files that are in memory: the page cache, which the kernel takes back when it must. */
  readonly fileBytes: number
}

export function memoryOf(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/status`, 'latin1')
  const bytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? Number.NaN) * 1_024
  return {
    anonBytes: bytes('RssAnon'),
    shmemBytes: bytes('RssShmem'),
    fileBytes: bytes('RssFile'),
  }
}

/** What the kernel can't take back. */
export const heldBytes = ({ anonBytes, shmemBytes }: Memory): number => anonBytes + shmemBytes

/** Bytes that the files below a directory take on disk: blocks, not lengths. */
export function diskBytes(directory: string): number {
  let sum = 0
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isFile()) sum += statSync(path, { throwIfNoEntry: false })?.blocks ?? 0
  }
  return sum * blockBytes
}

/** The times at which it is looked whether processes have come to rest. */
const lookEveryMs = 200
const restingCores = 0.05

/**
 * Resolves when the processes together take hardly any CPU, so that what one left to do later is
 * not taken from the next; after `maxMs` at the latest.
 */
export async function atRest(pids: readonly number[], maxMs: number): Promise<void> {
  const spent = (): number => pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0)
  const deadlineMs = performance.now() + maxMs
  let before = spent()
  while (performance.now() < deadlineMs) {
    await new Promise(look => setTimeout(look, lookEveryMs))
    const now = spent()
    if ((now - before) / (lookEveryMs / 1_000) <= restingCores) return
    before = now
  }
}
