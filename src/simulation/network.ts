/**
 * The network between regions, in one thread: connections as TCP gives them, over routes that can
 * be slow, lossy, cut one way or both. A cut holds what is under way; when it heals, what was held
 * arrives, unless one end has given the connection up meanwhile. A process that dies resets its
 * connections; a machine that loses its power just falls silent.
 */
import { assert } from '../model/assert.ts'
import type { RegionId } from '../model/slot.ts'
import type { Connection, ListenEvents, Network } from '../runtime/network.ts'
import { type AimedFault, SimulatedConnection } from './connection.ts'
import { Fates } from './fates.ts'
import type { SimulatedProcess } from './process.ts'
import { Route } from './route.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { VirtualTime } from './virtual-time.ts'

export interface SimulatedNetworkOptions {
  readonly time: VirtualTime
  readonly random: SeededRandom
  /** One way, in ms. */
  readonly delayMs: (from: RegionId, to: RegionId) => number
  /** Sees each frame that leaves a region. */
  readonly onSend: (from: RegionId, to: RegionId, bytes: Uint8Array) => void
}

interface Host {
  /** False: its power is off. */
  up: boolean
  listener: { readonly process: SimulatedProcess; readonly events: ListenEvents } | undefined
}

export class SimulatedNetwork {
  readonly fates = new Fates()
  /** Whoever aims at messages is asked about each. */
  aim: (label: string, end: SimulatedConnection) => AimedFault | undefined = () => undefined
  readonly #options: SimulatedNetworkOptions
  readonly #routes = new Map<string, Route>()
  readonly #hosts = new Map<RegionId, Host>()
  /** Both ends of each. */
  readonly #connections = new Set<SimulatedConnection>()

  constructor(options: SimulatedNetworkOptions) {
    this.#options = options
  }

  route(from: RegionId, to: RegionId): Route {
    const name = `${from} ${to}`
    let route = this.#routes.get(name)
    if (!route) {
      const { delayMs, random, time } = this.#options
      route = new Route({ time, random: random.fork(), delayMs: delayMs(from, to) })
      this.#routes.set(name, route)
    }
    return route
  }

  /** The network as one process has it. Addresses are `region:port`; the port means nothing. */
  of(region: RegionId, process: SimulatedProcess): Network {
    return {
      listen: async (address, events) => {
        const host = this.#host(region)
        assert(!host.listener?.process.alive, 'a region listens once')
        host.listener = { process, events }
        return {
          address,
          close: async () => {
            host.listener = undefined
          },
        }
      },
      connect: (address, { timeoutMs }) => {
        const to = address.slice(0, address.lastIndexOf(':'))
        return this.#connect({ from: region, process, to, timeoutMs })
      },
    }
  }

  /** A process ends: `resets` tells its peers, as the system of a living machine does. */
  processDied(process: SimulatedProcess, { resets }: { readonly resets: boolean }): void {
    for (const connection of [...this.#connections]) {
      if (connection.process === process) connection.orphan(resets)
    }
  }

  power(region: RegionId, up: boolean): void {
    this.#host(region).up = up
  }

  isUp(region: RegionId): boolean {
    return this.#host(region).up
  }

  /** Resets one connection of those that are open, as a middlebox may. */
  resetOne(random: SeededRandom): void {
    const open = [...this.#connections].filter(connection => connection.isOpen)
    if (open.length > 0) random.pick(open).resetByMiddlebox()
  }

  #host(region: RegionId): Host {
    let host = this.#hosts.get(region)
    if (!host) {
      host = { up: true, listener: undefined }
      this.#hosts.set(region, host)
    }
    return host
  }

  #connect(dial: {
    readonly from: RegionId
    readonly to: RegionId
    readonly process: SimulatedProcess
    readonly timeoutMs: number
  }): Promise<Connection> {
    const { from, to, process, timeoutMs } = dial
    const { time } = this.#options
    const there = this.route(from, to)
    const back = this.route(to, from)
    return new Promise((resolve, reject) => {
      const fail = (reason: string): void => process.enter(() => reject(new Error(reason)))
      const lost = (): void => void time.after(timeoutMs, () => fail('ETIMEDOUT'))
      if (there.isCut) return lost()
      time.after(there.drawMs(), () => {
        const { up, listener } = this.#host(to)
        if (!up || back.isCut) return lost()
        if (!listener?.process.alive) {
          time.after(back.drawMs(), () => fail('ECONNREFUSED'))
          return
        }
        const [here, other] = this.#pair({ from, to, process, accepts: listener.process })
        listener.process.enter(() => listener.events.onConnection(other))
        time.after(back.drawMs(), () => process.enter(() => resolve(here)))
      })
    })
  }

  #pair(ends: {
    readonly from: RegionId
    readonly to: RegionId
    readonly process: SimulatedProcess
    readonly accepts: SimulatedProcess
  }): readonly [SimulatedConnection, SimulatedConnection] {
    const { from, to, process, accepts } = ends
    const { time, onSend } = this.#options
    const common = {
      ...{ time, fates: this.fates },
      isUp: (region: RegionId) => this.isUp(region),
      aim: (label: string, end: SimulatedConnection) => this.aim(label, end),
      onEnd: (end: SimulatedConnection) => this.#connections.delete(end),
    }
    const here = new SimulatedConnection({
      ...{ ...common, process, region: from, remote: to, route: this.route(from, to) },
      onSend: bytes => onSend(from, to, bytes),
    })
    const other = new SimulatedConnection({
      ...{ ...common, process: accepts, region: to, remote: from, route: this.route(to, from) },
      onSend: bytes => onSend(to, from, bytes),
    })
    here.join(other)
    this.#connections.add(here)
    this.#connections.add(other)
    return [here, other]
  }
}
