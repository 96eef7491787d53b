/**
 * A file that names the process which holds something. The pid alone would not do: after a crash
 * another process may get it, so the start time of the process goes with it where the system tells.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { z } from 'zod'

const holderSchema = z.object({ pid: z.int().positive(), startedAt: z.string().optional() })

/** The live process that holds a file; undefined when nobody does. */
export function pidFileHolder(path: string): number | undefined {
  const holder = holderSchema.safeParse(readJson(path)).data
  if (!holder || !isAlive(holder.pid)) return undefined
  const same = holder.startedAt === undefined || holder.startedAt === processStart(holder.pid)
  return same ? holder.pid : undefined
}

/** Takes a file for this process. Returns what gives it back, or the pid that holds it already. */
export function takePidFile(path: string): { release: () => void } | { heldBy: number } {
  const content = JSON.stringify({ pid: process.pid, startedAt: processStart(process.pid) })
  for (let attempt = 0; ; attempt++) {
    try {
      writeFileSync(path, content, { flag: 'wx' })
      return { release: () => rmSync(path, { force: true }) }
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
      const heldBy = pidFileHolder(path)
      if (heldBy !== undefined) return { heldBy }
      if (attempt > 0) throw error
      // What a killed process left behind.
      rmSync(path, { force: true })
    }
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

/** Clock ticks from boot to the start of the process, field 22 of /proc/<pid>/stat. Linux only. */
export function processStart(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The second field is a name in parentheses that may hold spaces.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return undefined
  }
}
