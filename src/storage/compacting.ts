/** Compaction of one store, asked for by a request to its shard. Commits go on meanwhile. */
import { DenizenError, type WireError } from '../model/errors.ts'
import { limits } from '../model/limits.ts'
import type { Engine } from './engine.ts'

interface Compacted {
  readonly engine: Engine
  /** What the disk still takes. */
  readonly roomBytes: () => number
}

/** Answers `disk_full` where there is no room for a second copy beside the first. */
export async function compact({
  engine,
  roomBytes,
}: Compacted): Promise<{ readonly body: null } | { readonly error: WireError }> {
  if (roomBytes() - engine.sizeBytes() < limits.diskReserveBytes) {
    const error = new DenizenError('disk_full', 'there is no room to write a store anew')
    return { error: error.toWire() }
  }
  await engine.compact?.()
  return { body: null }
}
