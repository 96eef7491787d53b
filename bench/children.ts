/**
 * Every process that the suite starts, and every directory that it makes, ends with it: in order
 * when all goes well, at once on a signal. Nothing is ended but by the id of its process.
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const ends = new Set<() => void>()

/** Registers what is to be done if this process ends; call the result once it is not needed. */
export function atEnd(end: () => void): () => void {
  ends.add(end)
  return () => ends.delete(end)
}

function endAll(): void {
  // The last first: processes before the directories that were made for them.
  for (const end of [...ends].reverse()) end()
  ends.clear()
}

/** For the entry of the suite alone: it decides what signals do. */
export function endAllOnSignals(): void {
  process.once('exit', endAll)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => process.exit(130))
  }
}

/** Runs in a new temporary directory, which is gone afterwards. */
export async function inDirectory<T>(task: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'denizen-bench-'))
  const remove = (): void => rmSync(directory, { recursive: true, force: true, maxRetries: 3 })
  const forget = atEnd(remove)
  try {
    return await task(directory)
  } finally {
    forget()
    remove()
  }
}

/** With it the kernel ends the child even when this process is killed. It execs: the pid stays. */
const setpriv = '/usr/bin/setpriv'

/** Starts a program that does not outlive this process. */
export function startProgram(
  program: string,
  args: readonly string[],
  options: SpawnOptions,
): ChildProcess {
  const child = existsSync(setpriv)
    ? spawn(setpriv, ['--pdeathsig', 'KILL', program, ...args], options)
    : spawn(program, args, options)
  const forget = atEnd(() => child.kill('SIGKILL'))
  child.once('exit', forget)
  return child
}
