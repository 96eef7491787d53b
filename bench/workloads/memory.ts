/**
 * Row 8: what a further million keys take of a node's memory that the kernel can't take back.
 * Counted are anonymous pages (heaps, stacks, and overlays, which threads share) and shared memory;
 * mapped files are the page cache.
 *
 * Overlays take memory as a node writes, up to a limit, and keep it. So the first look comes after
 * as many writes as will follow it: of keys that are there already. Heaps grow and shrink by
 * themselves: reads go through the node and it comes to rest, several times, and the least counts.
 */
import { inDirectory } from '../children.ts'
import { peak } from '../loads/peak.ts'
import type { Peer } from '../peers/peer.ts'
import { withPeers } from '../peers/peers.ts'
import { atRest, diskBytes, heldBytes, type Memory, memoryOf } from '../proc.ts'
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

const million = 1_000_000
/** A checkpoint and its rest: longer than the interval between two. */
const idleFactor = 4

export async function benchMemory(scale: Scale, threads: number): Promise<MemoryReport> {
  const { fromKeys, toKeys } = scale.memory
  return await inDirectory(directory =>
    withPeers(['denizen'], { directory, valueBytes, threads }, async peers => {
      const denizen = peers.get('denizen') as Peer
      await denizen.fill(0, fromKeys, valueBytes)
      for (let left = toKeys - fromKeys; left > 0; left -= fromKeys) {
        await denizen.fill(0, Math.min(left, fromKeys), valueBytes)
      }
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

async function lookAt(peer: Peer, keys: number, scale: Scale): Promise<MemoryAt> {
  const { seconds, restMaxMs, warmUp } = scale
  const get = { operation: 'get', connections, keys, valueBytes } as const
  const pid = peer.pid ?? 0
  let least: Memory | undefined
  for (let cycle = 0; cycle < scale.memory.cycles; cycle++) {
    await peak(peer, { ...get, seconds, warmUpSeconds: warmUp.seconds })
    await atRest([pid], restMaxMs * idleFactor)
    const memory = memoryOf(pid)
    if (least === undefined || heldBytes(memory) < heldBytes(least)) least = memory
  }
  if (least === undefined) throw new Error('nobody has looked')
  return { keys, memory: least, diskBytes: diskBytes(peer.dataDirectory ?? '') }
}
