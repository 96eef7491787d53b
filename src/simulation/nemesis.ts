/** Does to a world what goes wrong, and undoes it. */
import type { RegionId } from '../model/slot.ts'
import { AimedFaults } from './aimed-faults.ts'
import type { Disturbance } from './disturbances.ts'
import { Membership } from './membership.ts'
import type { Route } from './route.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { World } from './world.ts'

export interface NemesisOptions {
  readonly world: World
  readonly random: SeededRandom
  /** What aimed faults draw from. */
  readonly aimRandom: SeededRandom
  /** Times count from now. */
  readonly disturbances: readonly Disturbance[]
}

export class Nemesis {
  readonly #options: NemesisOptions
  readonly #undo = new Set<() => void>()
  readonly #aimed: AimedFaults
  readonly #membership: Membership
  #stopped = false

  constructor(options: NemesisOptions) {
    this.#options = options
    this.#aimed = new AimedFaults({
      ...{ world: options.world, random: options.aimRandom },
      later: (forMs, undo) => this.#for(forMs, undo),
      cut: (from, to, forMs) => this.#cut([options.world.network.route(from, to)], forMs),
    })
    const { world, aimRandom } = options
    this.#membership = new Membership({
      ...{ time: world.time, random: aimRandom.fork(), governed: world.governed },
      places: world.places,
      apply: desired => world.operators.apply(desired),
      start: region => world.start(region),
      stop: region => world.kill(region, { power: false }),
    })
    for (const disturbance of options.disturbances) {
      options.world.time.after(disturbance.atMs, () => {
        if (!this.#stopped) this.#do(disturbance)
      })
    }
  }

  /** Ends it all: what is cut heals, what is down starts. */
  stop(): void {
    this.#stopped = true
    this.#aimed.stop()
    this.#membership.stop()
    for (const undo of [...this.#undo]) undo()
  }

  #do(disturbance: Disturbance): void {
    const { world, random } = this.#options
    const { network } = world
    const { forMs } = disturbance
    switch (disturbance.kind) {
      case 'kill':
      case 'power cut': {
        const { kind, region } = disturbance
        world.kill(region, { power: kind === 'power cut' })
        this.#for(forMs, () => world.start(region))
        return
      }
      case 'cut': {
        const { from, to } = disturbance
        this.#cut([network.route(from, to), network.route(to, from)], forMs)
        return
      }
      case 'one-way cut':
        this.#cut([network.route(disturbance.from, disturbance.to)], forMs)
        return
      case 'isolation':
        this.#cut(this.#routesOf(disturbance.region), forMs)
        return
      case 'slow line':
      case 'lossy line':
        this.#hinder(disturbance)
        return
      case 'policy':
        world.operators.applyPolicy(disturbance)
        return
      case 'add region':
      case 'retire region':
        this.#membership.change(disturbance)
        return
      case 'reset':
        network.resetOne(random)
        return
      case 'stall':
        world.process(disturbance.region)?.stall(forMs)
        return
      case 'rot':
        world.damage.rot(disturbance.region, random)
        return
      case 'loss':
        world.damage.lose(disturbance.region, random)
        return
      case 'trespass':
        world.trespass(disturbance.region, disturbance.call)
        return
      case 'stray':
        world.strayTo(disturbance.to, disturbance.region, disturbance.call)
        return
      case 'upkeep':
        world.operators.tend(disturbance.region, disturbance.what)
        return
      case 'aim':
        this.#aimed.add(disturbance)
        return
      case 'stranger':
        this.#for(forMs, world.stranger(disturbance.region, disturbance.feeds))
        return
      case 'slow disk': {
        const machine = world.machine(disturbance.region)
        machine.slowMs = disturbance.byMs
        this.#for(forMs, () => {
          machine.slowMs = 0
        })
      }
    }
  }

  #hinder(line: Extract<Disturbance, { readonly kind: 'slow line' | 'lossy line' }>): void {
    const route = this.#options.world.network.route(line.from, line.to)
    if (line.kind === 'slow line') route.slowMs = line.byMs
    else route.loss = line.share
    this.#for(line.forMs, () => {
      if (line.kind === 'slow line') route.slowMs = 0
      else route.loss = 0
    })
  }

  #cut(routes: readonly Route[], forMs: number): void {
    for (const route of routes) route.cut()
    this.#for(forMs, () => {
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
