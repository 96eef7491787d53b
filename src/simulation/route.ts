/** The way from one region to another: how long it takes, what it loses, whether it is cut. */
import type { SeededRandom } from './seeded-random.ts'
import type { VirtualTime } from './virtual-time.ts'

export interface RouteOptions {
  readonly time: VirtualTime
  readonly random: SeededRandom
  /** Of a packet when nothing is wrong. */
  readonly delayMs: number
}

/** How long TCP waits before it sends a lost segment again; more on long ways. */
const RETRANSMISSION_MS = 200

export class Route {
  readonly #options: RouteOptions
  readonly #onHeal = new Set<() => void>()
  #cut = false
  /** What is added to the way of a packet. */
  slowMs = 0
  /** Of packets, 0 to 1. */
  loss = 0
  #sent = 0
  #newest = 0

  constructor(options: RouteOptions) {
    this.#options = options
  }

  get isCut(): boolean {
    return this.#cut
  }

  cut(): void {
    this.#cut = true
  }

  heal(): void {
    this.#cut = false
    for (const tell of [...this.#onHeal]) tell()
  }

  /** `task` runs each time the route heals; returns what ends that. */
  onHeal(task: () => void): () => void {
    this.#onHeal.add(task)
    return () => this.#onHeal.delete(task)
  }

  /** How long one packet takes. */
  drawMs(): number {
    const { random, delayMs } = this.#options
    return delayMs * random.between(1, 1.1) + random.between(0, 0.3) + this.slowMs
  }

  /** How long a segment takes, with what it takes to send it again, and whether that is late. */
  draw(): { readonly takesMs: number; readonly late: boolean } {
    const { random, delayMs } = this.#options
    let takesMs = this.drawMs()
    let late = this.slowMs > 0
    while (random.unit() < this.loss) {
      takesMs += RETRANSMISSION_MS + 2 * delayMs
      late = true
    }
    return { takesMs, late }
  }

  /** Numbers what is sent, over all connections. */
  departs(): number {
    this.#sent += 1
    return this.#sent
  }

  /** True where something that departed later has arrived already. */
  arrives(number: number): boolean {
    const overtaken = number < this.#newest
    this.#newest = Math.max(this.#newest, number)
    return overtaken
  }
}
