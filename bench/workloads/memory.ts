/**
 * Row 8: what a further million keys take of a node's memory that the kernel can't take back.
 * Counted are anonymous pages (heaps, stacks, and overlays, which threads share) and shared memory;
 * mapped files are the page cache. The heap of a node grows and shrinks by itself: at both counts
 * of keys the same reads go through it, it comes to rest, and the least of several looks counts.
 */
import { inDirectory } from '../children.ts'
import { peak } from '../loads/peak.ts'
import type { Peer } from '../peers/peer.ts'
import { withPeers } from '../peers/peers.ts'
import { atRest, diskBytes, type Memory, memoryOf } from '../proc.ts'
import { type Seen, spreadOf } from '../rows.ts'
import type { Scale } from '../scale.ts'
import { connections, valueBytes } from './rates.ts'

export interface MemoryAt {
  readonly keys: number
  readonly memory: Memory
  readonly diskBytes: number
}

export interface MemoryReport {
  readonly from: MemoryAt
  readonly to: MemoryAt
  readonly seen: Seen
}

const lookEveryMs = 200
const million = 1_000_000
/** A checkpoint and its rest: longer than the interval between two. */
const idleFactor = 4

export async function benchMemory(scale: Scale, threads: number): Promise<MemoryReport> {
  const { fromKeys, toKeys } = scale.memory
  return await inDirectory(directory =>
    withPeers(['denizen'], { directory, valueBytes, threads }, async peers => {
      const denizen = peers.get('denizen') as Peer
      await denizen.fill(0, fromKeys, valueBytes)
      // The figures that count are those of a node that has read before.
      if (scale.warmUp.isWhole) await lookAt(denizen, fromKeys, scale)
      const from = await lookAt(denizen, fromKeys, scale)
      await denizen.fill(fromKeys, toKeys, valueBytes)
      const to = await lookAt(denizen, toKeys, scale)
      await denizen.verify(toKeys, valueBytes)
      const grown = heldBytes(to.memory) - heldBytes(from.memory)
      const perMillion = grown / 1e6 / ((toKeys - fromKeys) / million)
      return { from, to, seen: { seen: spreadOf([perMillion]) } }
    }),
  )
}

export const heldBytes = ({ anonBytes, shmemBytes }: Memory): number => anonBytes + shmemBytes

async function lookAt(peer: Peer, keys: number, scale: Scale): Promise<MemoryAt> {
  const { seconds, restMaxMs, warmUp } = scale
  const get = { operation: 'get', connections, keys, valueBytes } as const
  await peak(peer, { ...get, seconds, warmUpSeconds: warmUp.seconds })
  const pid = peer.pid ?? 0
  await atRest([pid], restMaxMs * idleFactor)
  return {
    keys,
    memory: await leastMemory(pid, scale.memory.looks),
    diskBytes: diskBytes(peer.dataDirectory ?? ''),
  }
}

export async function leastMemory(pid: number, looks: number): Promise<Memory> {
  let least = memoryOf(pid)
  for (let look = 0; look < looks; look++) {
    await new Promise(later => setTimeout(later, lookEveryMs))
    const now = memoryOf(pid)
    if (heldBytes(now) < heldBytes(least)) least = now
  }
  return least
}
