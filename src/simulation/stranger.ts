/** A node of another cluster that was given the address of one of ours. */
import { assert } from '../model/assert.ts'
import type { RegionId } from '../model/slot.ts'
import { PeerLinks } from '../peers/links.ts'
import { silentLogger } from '../runtime/log.ts'
import type { Network } from '../runtime/network.ts'
import type { Random } from '../runtime/random.ts'
import type { SimulatedProcess } from './process.ts'

export const strangerLinks = (options: {
  readonly network: Network
  readonly process: SimulatedProcess
  readonly random: Random
  /** Whom it calls. */
  readonly region: RegionId
}): PeerLinks => {
  const { network, process, random, region } = options
  const nobody = (): never => assert(false, 'nobody speaks with a stranger') as never
  return new PeerLinks({
    self: () => ({
      ...{ clusterId: 'another', region: 'elsewhere', nodeId: 'stranger' },
      ...{ keeperEpoch: 9, revision: 9 },
    }),
    ...{ network, clock: process.clock, random, log: silentLogger, listen: 'elsewhere:7100' },
    peers: new Map([[region, `${region}:7100`]]),
    handlers: {
      onCall: nobody,
      onStream: nobody,
      onStreamOpen: nobody,
      onPeerState: nobody,
      onReachability: (_, reachable) => {
        if (reachable) nobody()
      },
    },
  })
}
