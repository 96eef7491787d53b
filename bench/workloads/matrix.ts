/**
 * The sparse matrix: sizes of values, connections and numbers of keys, each varied by itself from
 * one point. In each cell and for each server: how much it does at most, and how long its replies
 * take at half of what Denizen does, or of what it does itself where that is less: by a schedule
 * that no reply changes. And for each filling of the stores: memory and disk for each key, and how
 * long a start takes.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { inDirectory } from '../children.ts'
import { type GeneratorResult, generate } from '../loads/generator.ts'
import { type Peak, peak } from '../loads/peak.ts'
import type { Operation } from '../loads/reply.ts'
import type { Peer, PeerId } from '../peers/peer.ts'
import { withPeers } from '../peers/peers.ts'
import { atRest, diskBytes, heldBytes, memoryOf } from '../proc.ts'
import type { MatrixGroup, Scale } from '../scale.ts'

export interface MatrixRound {
  readonly peak: Peak
  /** Requests per second at which `open` was measured. */
  readonly rate: number
  readonly open: GeneratorResult
}

export interface MatrixFigure {
  readonly keys: number
  readonly valueBytes: number
  readonly connections: number
  readonly operation: Operation
  readonly peer: PeerId
  readonly rounds: readonly MatrixRound[]
}

export interface Filling {
  readonly keys: number
  readonly valueBytes: number
  readonly peer: PeerId
  readonly fillSeconds: number
  /** What it has more than when it was empty, for each key. */
  readonly memoryBytesPerKey: number
  /** Undefined for what is in memory alone. */
  readonly diskBytesPerKey?: number
  readonly emptyStartMs: number
  /** With all keys; undefined for what is in memory alone. */
  readonly fullStartMs?: number
}

export interface MatrixReport {
  /** Of servers that gave out no figures, by group of cells. */
  readonly failures: Readonly<Record<string, string>>
  readonly figures: readonly MatrixFigure[]
  readonly fillings: readonly Filling[]
}

/** Of requests at most. All servers are asked for as much, if they can bear it. */
const openShare = 0.5
const warmUpSeconds = 0.5
const operations: readonly Operation[] = ['get', 'put']

export async function benchMatrix(scale: Scale, threads: number): Promise<MatrixReport> {
  const figures: MatrixFigure[] = []
  const fillings: Filling[] = []
  const failures: Record<string, string> = {}
  for (const group of scale.matrix.groups) {
    const found = await benchGroup(group, scale, threads)
    figures.push(...found.figures)
    fillings.push(...found.fillings)
    Object.assign(failures, found.failures)
  }
  return { failures, figures, fillings }
}

async function benchGroup(
  group: MatrixGroup,
  scale: Scale,
  threads: number,
): Promise<MatrixReport> {
  const { valueBytes } = group
  return await inDirectory(async directory => {
    const own = join(directory, 'peers')
    mkdirSync(own)
    return await withPeers(
      group.peers,
      { directory: own, valueBytes, threads },
      async (peers): Promise<MatrixReport> => {
        const attempts = new Attempts(group)
        const fillings: Filling[] = []
        for (const peer of peers.values()) {
          const filling = await attempts.run(peer, () => fill(peer, group, scale))
          if (filling && peer.id !== 'bare') fillings.push(filling)
        }
        const figures = await measure(group, [...peers.values()], scale, attempts)
        const whole: Filling[] = []
        for (const filling of fillings) {
          const peer = peers.get(filling.peer) as Peer
          const found = await attempts.run(peer, async () => ({
            ...filling,
            ...(await checkAndRestart(peer, group)),
          }))
          if (found) whole.push(found)
        }
        const { failures } = attempts
        // What a store has lost or mixed up by the end was not right before.
        const isSound = ({ peer }: { peer: PeerId }): boolean => !attempts.hasFailed(peer)
        return { failures, figures: figures.filter(isSound), fillings: whole.filter(isSound) }
      },
    )
  })
}

/** A server that fails has no figures of the group; the others go on. */
class Attempts {
  readonly #of: string
  readonly #failed = new Set<PeerId>()
  readonly failures: Record<string, string> = {}

  constructor({ keys, valueBytes }: MatrixGroup) {
    this.#of = `matrix, ${keys} keys of ${valueBytes} bytes`
  }

  hasFailed(peer: PeerId): boolean {
    return this.#failed.has(peer)
  }

  async run<T>(peer: Peer, task: () => Promise<T>): Promise<T | undefined> {
    if (this.hasFailed(peer.id)) return undefined
    try {
      return await task()
    } catch (error) {
      this.#failed.add(peer.id)
      this.failures[`${this.#of}, ${peer.id}`] = error instanceof Error ? error.message : `${error}`
      await peer.kill()
      return undefined
    }
  }
}

async function checkAndRestart(
  peer: Peer,
  { keys, valueBytes }: MatrixGroup,
): Promise<Pick<Filling, 'fullStartMs'>> {
  await peer.verify(keys, valueBytes)
  if (peer.dataDirectory === undefined) return {}
  await peer.stop()
  const fullStartMs = await peer.start()
  await peer.verify(keys, valueBytes)
  // One less to take memory from the others.
  await peer.stop()
  return { fullStartMs }
}

async function fill(peer: Peer, { keys, valueBytes }: MatrixGroup, scale: Scale): Promise<Filling> {
  await peer.stop()
  const emptyStartMs = await peer.start()
  const pid = peer.pid ?? 0
  const sizes = async (): Promise<readonly [memory: number, disk: number]> => {
    await atRest([pid], scale.restMaxMs)
    const { dataDirectory } = peer
    const disk = dataDirectory === undefined ? 0 : diskBytes(dataDirectory)
    return [heldBytes(memoryOf(pid)), disk]
  }
  const [memoryBefore, diskBefore] = await sizes()
  const startMs = performance.now()
  await peer.fill(0, keys, valueBytes)
  const fillSeconds = (performance.now() - startMs) / 1_000
  const [memory, disk] = await sizes()
  return {
    ...{ keys, valueBytes, peer: peer.id, fillSeconds, emptyStartMs },
    memoryBytesPerKey: (memory - memoryBefore) / keys,
    ...(peer.dataDirectory !== undefined && { diskBytesPerKey: (disk - diskBefore) / keys }),
  }
}

async function measure(
  { keys, valueBytes, connections: counts }: MatrixGroup,
  peers: readonly Peer[],
  { restMaxMs, matrix, warmUp }: Scale,
  attempts: Attempts,
): Promise<readonly MatrixFigure[]> {
  const pids = peers.flatMap(peer => peer.pid ?? [])
  const figures: MatrixFigure[] = []
  for (const connections of counts) {
    for (const operation of operations) {
      const common = { operation, connections, keys, valueBytes, seconds: matrix.seconds }
      const rounds = new Map<Peer, MatrixRound[]>(peers.map(it => [it, []]))
      for (let round = 0; round < matrix.rounds; round++) {
        const peaks = new Map<PeerId, Peak>()
        for (const peer of peers) {
          await atRest(pids, restMaxMs)
          const most = await attempts.run(peer, () =>
            peak(peer, { ...common, warmUpSeconds: warmUp.seconds }),
          )
          if (most) peaks.set(peer.id, most)
        }
        const ours = peaks.get('denizen')?.perSecond ?? Number.POSITIVE_INFINITY
        for (const peer of peers) {
          const most = peaks.get(peer.id)
          if (most === undefined) continue
          const rate = Math.min(most.perSecond, ours) * openShare
          const { dialect, port } = peer
          await atRest(pids, restMaxMs)
          const open = await attempts.run(peer, () =>
            generate({ ...common, dialect, port, warmUpSeconds, rate }),
          )
          if (open) rounds.get(peer)?.push({ peak: most, rate, open })
        }
      }
      for (const [peer, of] of rounds) {
        const where = { keys, valueBytes, connections, operation }
        figures.push({ ...where, peer: peer.id, rounds: of })
      }
    }
  }
  return figures
}
