/**
 * The cables of a world: a delaying proxy for each ordered pair of regions, through which the one
 * connects to the other. Latency and cuts happen here; the nodes know nothing of them.
 */
import { estimateRttMs } from '../../model/distance.ts'
import type { Coordinates } from '../../model/region.ts'
import { type DelayProxy, startDelayProxy } from '../../runtime/delay-proxy.ts'
import { loopback } from './ports.ts'

export interface CableEnd {
  readonly id: string
  readonly coordinates: Coordinates
  readonly peerPort: number
}

export interface CableOptions {
  readonly latency: 'real' | 'none'
  /** Keeps all bytes that go into a region; for tests. */
  readonly capture: boolean
}

interface Cable {
  readonly from: string
  readonly to: string
  readonly proxy: DelayProxy
  isCut: boolean
}

export class Cables {
  readonly #ends: readonly CableEnd[]
  readonly #options: CableOptions
  readonly #cables: Cable[] = []
  readonly #captured = new Map<string, Buffer[]>()

  private constructor(ends: readonly CableEnd[], options: CableOptions) {
    this.#ends = ends
    this.#options = options
  }

  static async lay(ends: readonly CableEnd[], options: CableOptions): Promise<Cables> {
    const cables = new Cables(ends, options)
    for (const from of ends) {
      for (const to of ends) if (from !== to) await cables.#layOne(from, to)
    }
    return cables
  }

  async #layOne(from: CableEnd, to: CableEnd): Promise<void> {
    const keep = (region: string, bytes: Uint8Array): void => {
      const kept = this.#captured.get(region) ?? []
      this.#captured.set(region, kept)
      kept.push(Buffer.from(bytes))
    }
    const proxy = await startDelayProxy({
      listen: { host: loopback, port: 0 },
      target: { host: loopback, port: to.peerPort },
      oneWayDelayMs: this.rttMs(from.id, to.id) / 2,
      ...(this.#options.capture && {
        capture: (direction, bytes) => keep(direction === 'to-target' ? to.id : from.id, bytes),
      }),
    })
    this.#cables.push({ from: from.id, to: to.id, proxy, isCut: false })
  }

  /** The round trip that the cables between two regions emulate. */
  rttMs(a: string, b: string): number {
    if (this.#options.latency === 'none') return 0
    const [first, second] = [a, b].map(id => this.#ends.find(end => end.id === id))
    return first && second ? estimateRttMs(first.coordinates, second.coordinates) : 0
  }

  /** Where a region connects to in order to reach each of the others. */
  addressesFrom(region: string): ReadonlyMap<string, string> {
    return new Map(
      this.#cables
        .filter(({ from }) => from === region)
        .map(({ to, proxy }) => [to, `${loopback}:${proxy.port}`]),
    )
  }

  cut(a: string, b: string): void {
    for (const cable of this.#between(a, b)) {
      cable.isCut = true
      cable.proxy.cut()
    }
  }

  heal(a: string, b: string): void {
    for (const cable of this.#between(a, b)) {
      cable.isCut = false
      cable.proxy.heal()
    }
  }

  /** The pairs that are cut, each once. */
  cuts(): readonly (readonly [string, string])[] {
    return this.#cables
      .filter(({ from, to, isCut }) => isCut && from < to)
      .map(({ from, to }) => [from, to] as const)
  }

  /** What went into a region from others, in order of arrival. Empty without `capture`. */
  captured(toRegion: string): readonly Buffer[] {
    return this.#captured.get(toRegion) ?? []
  }

  #between(a: string, b: string): readonly Cable[] {
    return this.#cables.filter(
      ({ from, to }) => (from === a && to === b) || (from === b && to === a),
    )
  }

  async close(): Promise<void> {
    await Promise.all(this.#cables.map(({ proxy }) => proxy.close()))
  }
}
