/**
 * The second durable engine: an append-only log in front of LMDB.
 *
 * A commit is one entry of the log, written and synced at once; its rows go into the overlay, where
 * all threads find them. When the overlay is full, or has held rows for some seconds, it is frozen,
 * another one and the other file of the log take the commits, and a checkpoint writes the frozen
 * rows to LMDB in bulk; then they are dropped, and their file is used again. A row that was written
 * ten times is written to LMDB once, a page of LMDB once for all its rows.
 *
 * What is on disk at any moment: LMDB, and what the log's two files say on top of it, the earlier
 * file first. Rows that a checkpoint had written already are written again to the same effect. So
 * a start reads both files into the overlays and goes on from there; closing leaves the log as it
 * is.
 *
 * A commit too large for the log waits until all that came before it is in LMDB and the log is
 * empty, and is then a transaction of LMDB: a log that is read again must hold nothing older than
 * what LMDB holds.
 */
import { resolve } from 'node:path'
import type { Clock } from '../runtime/clock.ts'
import type { Random } from '../runtime/random.ts'
import { type AttachedReader, type Engine, EngineFailure, type EngineKind } from './engine.ts'
import { lmdbEngine } from './lmdb-engine.ts'
import { AttachedLog } from './log/attached-log.ts'
import { Log } from './log/log.ts'
import { createLog, hasLog, readLog } from './log/log-directory.ts'
import { OverlayOwner } from './log/overlay-owner.ts'
import { createOverlayMemory } from './log/overlays.ts'
import { OwnedLog } from './log/owned-log.ts'

export interface LogEngineOptions {
  readonly clock: Clock
  readonly random: Random
}

export function createLogEngineKind({ clock, random }: LogEngineOptions): EngineKind {
  return {
    name: 'log',
    async open(directory, { readOnly = false } = {}): Promise<Engine> {
      const base = await lmdbEngine.open(directory, { readOnly })
      try {
        const memory = createOverlayMemory(random)
        const overlays = new OverlayOwner(memory)
        if (!readOnly && !hasLog(resolve(directory))) await createLog(resolve(directory), random)
        // Without one, it is a store of LMDB alone, or its first start was cut off.
        const parts = hasLog(resolve(directory)) ? await readLog(resolve(directory)) : []
        const commitNumber = overlays.replay(parts)
        if (readOnly) return new OwnedLog({ base, memory, overlays, commitNumber })
        const log = new Log(resolve(directory), parts, random)
        await log.sync()
        return new OwnedLog({ base, memory, overlays, commitNumber, written: { log, clock } })
      } catch (cause) {
        await base.close()
        const reason = cause instanceof Error ? cause.message : `${cause}`
        throw new EngineFailure(`Can't open the store in ${directory}: ${reason}`, { cause })
      }
    },
    async attach(directory, shared): Promise<AttachedReader> {
      return new AttachedLog(await lmdbEngine.attach(directory, shared), shared)
    },
  }
}
