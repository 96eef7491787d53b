/** A node's links to the others: what it says of itself on them, and what it answers. */
import type { StaticCoordination } from '../coordination/static.ts'
import type { PeerMeter } from '../metrics/peer-meter.ts'
import { DenizenError } from '../model/errors.ts'
import type { RegionId } from '../model/slot.ts'
import { PeerLinks } from '../peers/links.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/log.ts'
import { formatAddress, type HostPort } from '../runtime/network.ts'
import type { Random } from '../runtime/random.ts'
import { type Tracing, tracedAnswer } from '../runtime/tracing.ts'
import type { DataPlane } from './data-plane.ts'
import { listenError } from './listen-error.ts'
import type { PeerNetwork } from './peer-network.ts'

export interface NodeLinksOptions {
  readonly region: RegionId
  readonly nodeId: string
  readonly listen: HostPort
  /** `host:port` of each other region. */
  readonly peers: ReadonlyMap<RegionId, string>
  /** Closed with the links. */
  readonly network: PeerNetwork
  readonly coordination: StaticCoordination
  /** Answers `change`: what operators want of the policy. Undefined: nobody keeps it here. */
  readonly change?: (body: unknown) => Promise<unknown>
  /** Undefined until the stores are open. */
  readonly data: () => DataPlane | undefined
  readonly clock: Clock
  readonly random: Random
  readonly meter: PeerMeter
  readonly tracing: Tracing | undefined
  readonly log: Logger
  readonly onReachability: (region: RegionId, reachable: boolean) => void
}

export class NodeLinks {
  readonly links: PeerLinks
  readonly #network: PeerNetwork

  private constructor(links: PeerLinks, network: PeerNetwork) {
    this.links = links
    this.#network = network
  }

  /** Listens for peers, and dials them. Throws `StartError`. */
  static async open(options: NodeLinksOptions): Promise<NodeLinks> {
    const { region, nodeId, listen, peers, network, coordination, data, meter, log } = options
    const { clock, random } = options
    const links = new PeerLinks({
      self: () => ({
        clusterId: coordination.clusterId() ?? null,
        region,
        nodeId,
        keeperEpoch: coordination.order()?.keeperEpoch ?? 0,
        revision: coordination.order()?.revision ?? 0,
      }),
      network: network.network,
      ...{ clock, random, log },
      listen: formatAddress(listen),
      ...{ peers, meter },
      handlers: {
        onCall: (...call) => answer(options, ...call),
        onStream(from, stream) {
          const plane = data()
          if (plane) plane.serve(from, stream)
          else stream.close()
        },
        onStreamOpen(to, stream) {
          const plane = data()
          if (plane) plane.follow(to, stream)
          else stream.close()
        },
        onPeerState: (from, state) => coordination.observe(from, state),
        onReachability: options.onReachability,
      },
    })
    try {
      await links.start()
    } catch (error) {
      await network.close()
      throw listenError(error, '--peer-listen', listen)
    }
    return new NodeLinks(links, network)
  }

  async close(): Promise<void> {
    await this.links.close()
    await this.#network.close()
  }
}

async function answer(
  { region, coordination, data, meter, tracing, change }: NodeLinksOptions,
  from: RegionId,
  name: string,
  body: unknown,
  trace: string | undefined,
): Promise<unknown> {
  if (name.startsWith('coordination.')) return await coordination.answer(from, name, body)
  if (name === 'change' && change) return await change(body)
  const run = data()?.answerTo(name)
  if (!run) throw new DenizenError('not_ready', `${region} does not serve yet`)
  const answering = tracedAnswer(tracing, { peer: from, name, trace }, () => run(from, body))
  return await meter.answered(from, name, answering)
}
