/** All peers, and which of them can't be measured on this machine. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { barePeer } from './bare.ts'
import { denizenPeer } from './denizen.ts'
import { etcdMissing, etcdPeer } from './etcd.ts'
import { natsMissing, natsPeer } from './nats.ts'
import type { Peer, PeerId, PeerOptions } from './peer.ts'
import { redisMissing, redisPeer } from './redis.ts'

interface Maker {
  /** Why it can't be measured here. */
  readonly missing: () => string | undefined
  readonly make: (options: PeerOptions) => Promise<Peer>
}

const present = (): undefined => undefined

const makers: Readonly<Record<PeerId, Maker>> = {
  denizen: { missing: present, make: denizenPeer },
  bare: { missing: present, make: barePeer },
  redis: { missing: redisMissing, make: options => redisPeer('redis', options) },
  'redis-synced': { missing: redisMissing, make: options => redisPeer('redis-synced', options) },
  etcd: { missing: etcdMissing, make: etcdPeer },
  nats: { missing: natsMissing, make: natsPeer },
}

export const missingPeer = (id: PeerId): string | undefined => makers[id].missing()

/** Starts those that can be, each with its own directory; stops them all. */
export async function withPeers<T>(
  ids: readonly PeerId[],
  { directory, ...options }: PeerOptions,
  task: (peers: ReadonlyMap<PeerId, Peer>) => Promise<T>,
): Promise<T> {
  const peers = new Map<PeerId, Peer>()
  try {
    for (const id of ids.filter(it => missingPeer(it) === undefined)) {
      const own = join(directory, id)
      mkdirSync(own, { recursive: true })
      const peer = await makers[id].make({ ...options, directory: own })
      peers.set(id, peer)
      await peer.start()
    }
    return await task(peers)
  } finally {
    for (const peer of peers.values()) await peer.stop()
  }
}
