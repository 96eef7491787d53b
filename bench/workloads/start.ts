/**
 * Row 7: from the spawn of `serve` until /readyz answers 200, with a full data directory and with
 * an empty one, in turn. Full ones were stopped in order, or killed right after they were written
 * to, so that their log has to be read.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { inDirectory } from '../children.ts'
import { denizenPeer } from '../peers/denizen.ts'
import type { Peer } from '../peers/peer.ts'
import { diskBytes } from '../proc.ts'
import { type Seen, spreadOf } from '../rows.ts'
import type { Scale } from '../scale.ts'
import { valueBytes } from './rates.ts'

export interface StartRound {
  readonly emptyMs: number
  readonly stoppedMs: number
  readonly killedMs: number
}

export interface StartReport {
  readonly keys: number
  readonly fillSeconds: number
  readonly diskBytes: number
  /** Of a directory in which no node had ever run. */
  readonly firstMs: number
  readonly rounds: readonly StartRound[]
  readonly seen: Readonly<Record<'7a' | '7b', Seen>>
}

export async function benchStart(scale: Scale, threads: number): Promise<StartReport> {
  const { keys, rewritten } = scale.start
  return await inDirectory(async directory => {
    const make = async (name: string): Promise<Peer> => {
      mkdirSync(join(directory, name))
      return await denizenPeer({ directory: join(directory, name), valueBytes, threads })
    }
    const [empty, full] = [await make('empty'), await make('full')]
    try {
      const firstMs = await empty.start()
      await empty.stop()
      await full.start()
      const startMs = performance.now()
      await full.fill(0, keys, valueBytes)
      const fillSeconds = (performance.now() - startMs) / 1_000
      await full.stop()
      const rounds: StartRound[] = []
      for (let round = 0; round < scale.rounds; round++) {
        const isLast = round === scale.rounds - 1
        const whileFull = isLast ? () => full.verify(keys, valueBytes) : async () => {}
        rounds.push(await measure(empty, full, rewritten, whileFull))
      }
      const seen = {
        '7a': { seen: spreadOf(rounds.map(it => it.stoppedMs / it.emptyMs)) },
        '7b': { seen: spreadOf(rounds.map(it => it.killedMs / it.emptyMs)) },
      }
      const bytes = diskBytes(full.dataDirectory ?? '')
      return { keys, fillSeconds, diskBytes: bytes, firstMs, rounds, seen }
    } finally {
      await empty.kill()
      await full.kill()
    }
  })
}

/** Leaves both stopped. `whileFull` runs after the last of the starts. */
async function measure(
  empty: Peer,
  full: Peer,
  rewritten: number,
  whileFull: () => Promise<void>,
): Promise<StartRound> {
  const emptyMs = await empty.start()
  await empty.stop()
  const stoppedMs = await full.start()
  await full.fill(0, rewritten, valueBytes)
  await full.kill()
  const killedMs = await full.start()
  await whileFull()
  await full.stop()
  return { emptyMs, stoppedMs, killedMs }
}
