/** The disk port in memory. A replacement takes some turns of the event loop, as a sync does. */
import type { Disk } from '../../src/runtime/disk.ts'

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

export interface MemoryDisk extends Disk {
  readonly files: Map<string, Uint8Array>
  /** Replacements fail from now on, as on a full disk. */
  fail(): void
}

export function memoryDisk(): MemoryDisk {
  const files = new Map<string, Uint8Array>()
  let failing = false
  return {
    files,
    fail() {
      failing = true
    },
    read: async path => files.get(path)?.slice(),
    async replace(path, bytes) {
      const copy = bytes.slice()
      for (let n = 0; n < 3; n++) await turn()
      if (failing) throw new Error('the disk is full')
      files.set(path, copy)
    },
    roomBytes: () => (failing ? 0 : Number.POSITIVE_INFINITY),
  }
}
