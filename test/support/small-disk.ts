/** A file system of a few megabytes, mounted over a directory whose files it takes along. */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface SmallDisk {
  /** Leaves room for so many bytes. */
  fillUpTo(leftBytes: number, freeBytes: number): void
  /** Gives back what `fillUpTo` took. */
  free(): void
  unmount(): void
}

/** Only root may mount. */
export const mayMount = process.getuid?.() === 0

export function mountSmallDisk(directory: string, sizeBytes: number): SmallDisk {
  const aside = mkdtempSync(join(tmpdir(), 'denizen-aside-'))
  cpSync(directory, aside, { recursive: true })
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'tmpfs', directory])
  cpSync(aside, directory, { recursive: true })
  rmSync(aside, { recursive: true })
  const ballast = join(directory, 'ballast')
  return {
    fillUpTo: (leftBytes, freeBytes) =>
      writeFileSync(ballast, new Uint8Array(Math.max(0, freeBytes - leftBytes))),
    free: () => rmSync(ballast, { force: true }),
    unmount: () => execFileSync('umount', [directory]),
  }
}
