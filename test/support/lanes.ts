/**
 * What waits to happen, in lanes: within a lane in order, between lanes in the order that chance
 * draws. The delays of networks, disks and threads, without time.
 */
import type { SeededRandom } from './seeded-random.ts'

export class Lanes {
  readonly #random: SeededRandom
  readonly #lanes = new Map<string, (() => void)[]>()
  /** Lanes whose names begin so do not move. */
  held: string | undefined

  constructor(random: SeededRandom) {
    this.#random = random
  }

  get idle(): boolean {
    return this.#moving().length === 0
  }

  #moving(): string[] {
    const { held } = this
    const names = [...this.#lanes.keys()]
    return held === undefined ? names : names.filter(name => !name.startsWith(held))
  }

  add(lane: string, task: () => void): void {
    const queue = this.#lanes.get(lane)
    if (queue) queue.push(task)
    else this.#lanes.set(lane, [task])
  }

  /** Runs the first task of some lane. */
  step(): void {
    const moving = this.#moving()
    if (moving.length === 0) return
    const lane = this.#random.pick(moving)
    const queue = this.#lanes.get(lane) ?? []
    const task = queue.shift()
    if (queue.length === 0) this.#lanes.delete(lane)
    task?.()
  }

  /** Forgets all lanes whose names begin so: what was on its way is lost. */
  drop(prefix: string): void {
    for (const lane of this.#lanes.keys()) if (lane.startsWith(prefix)) this.#lanes.delete(lane)
  }
}
