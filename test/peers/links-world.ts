/** Real links between a few regions on loopback, a delay proxy on each ordered pair. */
import { freePorts } from '../../src/cli/dev/ports.ts'
import type { RegionId } from '../../src/model/slot.ts'
import { PeerLinks } from '../../src/peers/links.ts'
import type { MessageStream, PeerHandlers, PeerIdentity } from '../../src/peers/peers.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { type DelayProxy, startDelayProxy } from '../../src/runtime/delay-proxy.ts'
import type { LogFields, Logger } from '../../src/runtime/log.ts'
import type { Connection, ListenEvents, Listener, Network } from '../../src/runtime/network.ts'
import { systemRandom } from '../../src/runtime/random.ts'
import { tcpNetwork } from '../../src/runtime/tcp-network.ts'

const host = '127.0.0.1'

/** Waits for a condition, not for a time; `withinMs` only ends a test that fails. */
export async function until(condition: () => boolean, withinMs = 5_000): Promise<void> {
  const startMs = performance.now()
  while (!condition()) {
    if (performance.now() - startMs > withinMs) throw new Error(`not so: ${condition}`)
    await new Promise(resolve => setTimeout(resolve, 2))
  }
}

export interface LogLine {
  readonly level: string
  readonly message: string
  readonly fields: LogFields
}

export interface Node {
  readonly region: RegionId
  readonly links: PeerLinks
  readonly log: LogLine[]
  readonly identity: { -readonly [K in keyof PeerIdentity]: PeerIdentity[K] }
  readonly handlers: { -readonly [K in keyof PeerHandlers]: PeerHandlers[K] }
  /** Streams that this node opened, and that were opened to it, newest last. */
  readonly opened: Map<RegionId, MessageStream[]>
  readonly accepted: Map<RegionId, MessageStream[]>
  /** Ends the node as `kill -9` does: its sockets are gone, nothing is said. */
  kill(): Promise<void>
}

export interface LinksWorld {
  node(region: RegionId): Node
  /** The cable over which `from` dials `to`. */
  proxy(from: RegionId, to: RegionId): DelayProxy
  /** Cuts or heals all that `a` and `b` have between them. */
  cut(a: RegionId, b: RegionId): void
  heal(a: RegionId, b: RegionId): void
  close(): Promise<void>
}

/** The network, with a hold on all that was opened through it. */
class MortalNetwork implements Network {
  readonly #network: Network
  readonly #connections = new Set<Connection>()
  readonly #listeners: Listener[] = []

  constructor(network: Network) {
    this.#network = network
  }

  async listen(address: string, events: ListenEvents): Promise<Listener> {
    const listener = await this.#network.listen(address, {
      ...events,
      onConnection: connection => {
        this.#connections.add(connection)
        events.onConnection(connection)
      },
    })
    this.#listeners.push(listener)
    return listener
  }

  async connect(address: string, options: { timeoutMs: number }): Promise<Connection> {
    const connection = await this.#network.connect(address, options)
    this.#connections.add(connection)
    return connection
  }

  async kill(): Promise<void> {
    for (const connection of this.#connections) connection.abort()
    for (const listener of this.#listeners) await listener.close()
  }
}

export interface WorldOptions {
  readonly oneWayDelayMs?: number
  readonly capture?: (direction: string, bytes: Uint8Array) => void
  /** Changes who a node says it is, before it starts. */
  readonly identify?: (identity: Node['identity']) => void
  /** What a node's links go over; default: TCP. */
  readonly network?: (region: RegionId) => Network
}

export async function linksWorld(
  regions: readonly RegionId[],
  options: WorldOptions = {},
): Promise<LinksWorld> {
  const free = await freePorts(regions.length)
  const ports = new Map(regions.map((region, index) => [region, must(free[index])]))
  const proxies = new Map<string, DelayProxy>()
  for (const from of regions) {
    for (const to of regions) {
      if (from === to) continue
      const proxy = await startDelayProxy({
        listen: { host, port: 0 },
        target: { host, port: must(ports.get(to)) },
        oneWayDelayMs: options.oneWayDelayMs ?? 5,
        ...(options.capture ? { capture: options.capture } : {}),
      })
      proxies.set(`${from} ${to}`, proxy)
    }
  }
  const proxy = (from: RegionId, to: RegionId) => must(proxies.get(`${from} ${to}`))
  const nodes = new Map<RegionId, Node>()
  for (const region of regions) {
    const peers = regions.filter(other => other !== region)
    const addresses = peers.map(peer => [peer, `${host}:${proxy(region, peer).port}`] as const)
    nodes.set(region, makeNode(region, must(ports.get(region)), new Map(addresses), options))
  }
  for (const { links } of nodes.values()) {
    await links.start()
    links.follow()
  }
  return {
    node: region => must(nodes.get(region)),
    proxy,
    cut: (a, b) => {
      for (const cable of [proxy(a, b), proxy(b, a)]) cable.cut()
    },
    heal: (a, b) => {
      for (const cable of [proxy(a, b), proxy(b, a)]) cable.heal()
    },
    close: async () => {
      for (const node of nodes.values()) await node.links.close()
      for (const cable of proxies.values()) await cable.close()
    },
  }
}

function makeNode(
  region: RegionId,
  port: number,
  peers: ReadonlyMap<RegionId, string>,
  options: WorldOptions,
): Node {
  const identity = { clusterId: 'test', region, nodeId: `${region}-1`, keeperEpoch: 1, revision: 1 }
  const opened = new Map<RegionId, MessageStream[]>()
  const accepted = new Map<RegionId, MessageStream[]>()
  const handlers: Node['handlers'] = {
    onCall: async (_from, _name, body) => body,
    onStream: (from, stream) => keep(accepted, from, stream),
    onStreamOpen: (to, stream) => keep(opened, to, stream),
    onPeerState: () => {},
    onReachability: () => {},
  }
  const network = new MortalNetwork(options.network?.(region) ?? tcpNetwork)
  const log: LogLine[] = []
  const links = new PeerLinks({
    self: () => identity,
    network,
    clock: systemClock,
    random: systemRandom,
    log: recordingLogger(log),
    listen: `${host}:${port}`,
    peers,
    handlers: {
      onCall: (...args) => handlers.onCall(...args),
      onStream: (...args) => handlers.onStream(...args),
      onStreamOpen: (...args) => handlers.onStreamOpen(...args),
      onPeerState: (...args) => handlers.onPeerState(...args),
      onReachability: (...args) => handlers.onReachability(...args),
    },
  })
  options.identify?.(identity)
  const kill = async (): Promise<void> => {
    await network.kill()
    await links.close()
  }
  return { region, links, log, identity, handlers, opened, accepted, kill }
}

function keep(map: Map<RegionId, MessageStream[]>, region: RegionId, stream: MessageStream): void {
  stream.onMessage(() => {})
  map.set(region, [...(map.get(region) ?? []), stream])
}

function recordingLogger(lines: LogLine[]): Logger {
  const at =
    (level: string) =>
    (message: string, fields: LogFields = {}): void => {
      lines.push({ level, message, fields })
    }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

export function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('is missing')
  return value
}
