/** What goes wrong: crashes, cuts, slow lines, disks and machines, drawn one after the other. */
import type { RegionId } from '../model/slot.ts'
import type { Route } from './route.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { World } from './world.ts'

export const disturbances = [
  ...['kill', 'power cut', 'cut', 'one-way cut', 'isolation', 'slow line', 'lossy line'],
  ...['reset', 'stall', 'slow disk'],
] as const
export type Disturbance = (typeof disturbances)[number]

export interface NemesisOptions {
  readonly world: World
  readonly random: SeededRandom
  /** From one disturbance to the next, on average, in ms. */
  readonly everyMs: number
}

export class Nemesis {
  readonly counts = new Map<Disturbance, number>()
  readonly #options: NemesisOptions
  readonly #undo = new Set<() => void>()
  #stopped = false

  constructor(options: NemesisOptions) {
    this.#options = options
    this.#next()
  }

  /** Ends it all: what is cut heals, what is down starts. */
  stop(): void {
    this.#stopped = true
    for (const undo of [...this.#undo]) undo()
  }

  #next(): void {
    const { world, random, everyMs } = this.#options
    world.time.after(random.between(0, 2 * everyMs), () => {
      if (this.#stopped) return
      const disturbance = random.pick(disturbances)
      this.counts.set(disturbance, (this.counts.get(disturbance) ?? 0) + 1)
      this.#do(disturbance)
      this.#next()
    })
  }

  #do(disturbance: Disturbance): void {
    const { world, random } = this.#options
    const region = random.pick(world.regions)
    const other = random.pick(world.regions.filter(candidate => candidate !== region))
    const { network } = world
    switch (disturbance) {
      case 'kill':
      case 'power cut':
        world.kill(region, { power: disturbance === 'power cut' })
        this.#for(random.between(100, 6_000), () => world.start(region))
        return
      case 'cut':
        this.#cut([network.route(region, other), network.route(other, region)])
        return
      case 'one-way cut':
        this.#cut([network.route(region, other)])
        return
      case 'isolation':
        this.#cut(this.#routesOf(region))
        return
      case 'slow line': {
        const route = network.route(region, other)
        route.slowMs = random.between(20, 1_200)
        this.#for(random.between(500, 5_000), () => {
          route.slowMs = 0
        })
        return
      }
      case 'lossy line': {
        const route = network.route(region, other)
        route.loss = random.between(0.05, 0.5)
        this.#for(random.between(500, 5_000), () => {
          route.loss = 0
        })
        return
      }
      case 'reset':
        network.resetOne(random)
        return
      case 'stall':
        world.process(region)?.stall(random.between(50, 2_500))
        return
      case 'slow disk': {
        const machine = world.machine(region)
        machine.slowMs = random.between(5, 400)
        this.#for(random.between(500, 5_000), () => {
          machine.slowMs = 0
        })
      }
    }
  }

  #cut(routes: readonly Route[]): void {
    for (const route of routes) route.cut()
    this.#for(this.#options.random.between(200, 6_000), () => {
      for (const route of routes) route.heal()
    })
  }

  #routesOf(region: RegionId): Route[] {
    const { world } = this.#options
    return world.regions
      .filter(other => other !== region)
      .flatMap(other => [world.network.route(region, other), world.network.route(other, region)])
  }

  /** Undoes it after so long, or when all ends. */
  #for(forMs: number, undo: () => void): void {
    const once = (): void => {
      if (this.#undo.delete(once)) undo()
    }
    this.#undo.add(once)
    this.#options.world.time.after(forMs, once)
  }
}
