/**
 * What a figure has to be read with: the machine, and how fast its disk says that it has written.
 */
import { execFileSync } from 'node:child_process'
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import {
  arch,
  availableParallelism,
  cpus,
  loadavg,
  platform,
  release,
  tmpdir,
  totalmem,
} from 'node:os'
import { join } from 'node:path'

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly system: string
  readonly node: string
  /** Of the last minute, before the first measurement; others use the machine if it is not low. */
  readonly loadAverage: number
  /** Appends of 4 KiB, each followed by fdatasync, one after the other. */
  readonly syncsPerSecond: number
}

export const describeMachine = (): Machine => ({
  cpu: cpus()[0]?.model.trim() ?? 'unknown',
  cores: availableParallelism(),
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  system: `${platform()} ${release()} ${arch()}`,
  node: process.version,
  loadAverage: Number((loadavg()[0] ?? 0).toFixed(2)),
  syncsPerSecond: measureSyncs(),
})

function measureSyncs(): number {
  const directory = mkdtempSync(join(tmpdir(), 'denizen-sync-'))
  const file = openSync(join(directory, 'log'), 'w')
  const block = Buffer.alloc(4_096, 1)
  try {
    const startMs = performance.now()
    let count = 0
    for (; performance.now() - startMs < 300; count++) {
      writeSync(file, block)
      fdatasyncSync(file)
    }
    return Math.round((count / (performance.now() - startMs)) * 1_000)
  } finally {
    closeSync(file)
    rmSync(directory, { recursive: true })
  }
}

/** The commit that was measured; with `+` where files differ from it. */
export function describeCommit(checkout: string): string {
  const git = (...args: readonly string[]): string =>
    execFileSync('git', args, { cwd: checkout, encoding: 'utf8', stdio: 'pipe' }).trim()
  try {
    const isClean = git('status', '--porcelain', '--', 'src', 'bin') === ''
    return `${git('rev-parse', '--short', 'HEAD')}${isClean ? '' : '+'}`
  } catch {
    return 'unknown'
  }
}
