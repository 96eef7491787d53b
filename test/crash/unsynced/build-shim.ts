import { execFile } from 'node:child_process'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const source = join(import.meta.dirname, 'undo-journal.c')

/**
 * Compiles undo-journal.c and returns the library's path; `undefined` where that can't be done:
 * outside Linux, or without a C compiler that is there or can be installed.
 */
export async function buildShim(): Promise<string | undefined> {
  if (process.platform !== 'linux') return undefined
  const library = join(await mkdtemp(join(tmpdir(), 'denizen-shim-')), 'undo-journal.so')
  if (await compiled(library)) return library
  if (process.getuid?.() !== 0 || !(await installCompiler())) return undefined
  return (await compiled(library)) ? library : undefined
}

async function compiled(library: string): Promise<boolean> {
  const flags = ['-Wall', '-O1', '-shared', '-fPIC', '-pthread', '-o', library, source]
  for (const compiler of ['cc', 'gcc', 'clang']) {
    try {
      await run(compiler, flags)
      return true
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
  return false
}

async function installCompiler(): Promise<boolean> {
  try {
    await run('apt-get', ['install', '-y', 'gcc', 'libc6-dev'], { timeout: 120_000 })
    return true
  } catch {
    return false
  }
}

/** The environment of a process whose files below `root` are journaled. */
export const shimEnvironment = (library: string, root: string, journals: string) => ({
  ...process.env,
  LD_PRELOAD: library,
  DENIZEN_SHIM_ROOT: root,
  DENIZEN_SHIM_JOURNAL: journals,
  UV_USE_IO_URING: '0',
})
