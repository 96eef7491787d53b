/**
 * A handcrafted peer: speaks to the nodes of a world under the identity of a region that is
 * stopped, over the real links, and says whatever the test wants. What it is told in return is
 * kept.
 */
import { feedNumber } from '../../src/model/position.ts'
import { PeerLinks } from '../../src/peers/links.ts'
import type { MessageStream } from '../../src/peers/peers.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { type DelayProxy, startDelayProxy } from '../../src/runtime/delay-proxy.ts'
import { silentLogger } from '../../src/runtime/log.ts'
import { systemRandom } from '../../src/runtime/random.ts'
import { tcpNetwork } from '../../src/runtime/tcp-network.ts'
import type { World } from '../worlds/world.ts'
import { clusterView, until } from './region-client.ts'

export interface FollowRequest {
  readonly type: 'follow'
  readonly dataset: string
  readonly positions: readonly { readonly slot: number; readonly position: number | null }[]
}

const host = '127.0.0.1'

export class Impostor {
  readonly region: string
  readonly target: string
  /** The feed of the region that it says to be. */
  readonly feed: number
  /** All that the target has answered. */
  readonly heard: Buffer[]
  readonly #links: PeerLinks
  readonly #cable: DelayProxy
  readonly #streams: Streams

  private constructor(parts: {
    region: string
    target: string
    feed: number
    heard: Buffer[]
    links: PeerLinks
    cable: DelayProxy
    streams: Streams
  }) {
    this.region = parts.region
    this.target = parts.target
    this.feed = parts.feed
    this.heard = parts.heard
    this.#links = parts.links
    this.#cable = parts.cable
    this.#streams = parts.streams
  }

  /** Stops `region` and takes its place towards `target`. */
  static async replace(world: World, region: string, target: string): Promise<Impostor> {
    const view = await clusterView(world, region)
    await world.stop(region)
    const [hostname = '', port = ''] = world.peerAddress(target).split(':')
    const heard: Buffer[] = []
    const cable = await startDelayProxy({
      listen: { host, port: 0 },
      target: { host: hostname, port: Number(port) },
      oneWayDelayMs: 0,
      capture: (direction, bytes) => {
        if (direction === 'to-client') heard.push(Buffer.from(bytes))
      },
    })
    const { clusterId, nodeId, keeperEpoch, revision } = view
    const streams = new Streams()
    const links = new PeerLinks({
      self: () => ({ clusterId, region, nodeId, keeperEpoch, revision }),
      network: tcpNetwork,
      clock: systemClock,
      random: systemRandom,
      log: silentLogger,
      listen: world.peerAddress(region),
      peers: new Map([[target, `${host}:${cable.port}`]]),
      handlers: {
        onCall: () => Promise.reject(new Error('nobody asks an impostor')),
        onStream: (_from, stream) => streams.take('follower', stream),
        onStreamOpen: (_to, stream) => streams.take('source', stream),
        onPeerState: () => {},
        onReachability: () => {},
      },
    })
    await links.start()
    links.follow()
    await links.whenReachable(target, { timeoutMs: 30_000 })
    const number = view.regions.findIndex(one => one.region === region) + 1
    const feed = feedNumber(number, 1)
    return new Impostor({ region, target, feed, heard, links, cable, streams })
  }

  /** The error code that the target answers; fails if it answers anything else. */
  async refusedCall(name: string, body: unknown): Promise<string> {
    try {
      await this.#links.call(this.target, name, body, { timeoutMs: 20_000 })
    } catch (error) {
      return `${(error as { code?: string }).code}`
    }
    throw new Error(`${this.target} answered ${name}`)
  }

  /** Asks for feeds on a stream of its own to the target, which ends it. */
  async refusedRequest(message: object): Promise<void> {
    const stream = await this.#streams.open('source')
    stream.send(message)
    await this.#streams.ended(stream)
  }

  /**
   * Sends on the stream by which the target follows the impostor, which ends it. `positionOf` says
   * where the target stands in a dataset that it follows there.
   */
  async refusedChunk(
    messageFor: (positionOf: (slot: number) => number) => object,
    followed = 'cities',
  ): Promise<void> {
    const stream = await this.#streams.open('follower')
    const { positions } = await this.#streams.follow(stream, followed)
    stream.send({ type: 'following', dataset: followed })
    stream.send(messageFor(slot => positions.find(one => one.slot === slot)?.position ?? 0))
    await this.#streams.ended(stream)
  }

  async close(): Promise<void> {
    await this.#links.close()
    await this.#cable.close()
  }
}

/** The streams between impostor and target: by what the target is on them, the newest of each. */
class Streams {
  readonly #newest = new Map<'source' | 'follower', MessageStream>()
  readonly #follows = new Map<MessageStream, FollowRequest[]>()
  readonly #ended = new Set<MessageStream>()

  take(role: 'source' | 'follower', stream: MessageStream): void {
    const follows: FollowRequest[] = []
    this.#newest.set(role, stream)
    this.#follows.set(stream, follows)
    stream.onMessage(message => {
      if ((message as { type: string }).type === 'follow') follows.push(message as FollowRequest)
    })
    stream.onClose(() => this.#ended.add(stream))
  }

  async open(role: 'source' | 'follower'): Promise<MessageStream> {
    let stream: MessageStream | undefined
    await until(() => {
      stream = this.#newest.get(role)
      return stream !== undefined && !this.#ended.has(stream)
    }, `a stream with the target as ${role}`)
    return stream as MessageStream
  }

  async follow(stream: MessageStream, dataset: string): Promise<FollowRequest> {
    let found: FollowRequest | undefined
    await until(() => {
      found = this.#follows.get(stream)?.find(one => one.dataset === dataset)
      return found !== undefined || this.#ended.has(stream)
    }, `the target follows ${dataset}`)
    if (!found) throw new Error(`the target ended its stream before it followed ${dataset}`)
    return found
  }

  ended(stream: MessageStream): Promise<void> {
    return until(() => this.#ended.has(stream), 'the target ends the stream', 30_000)
  }
}
