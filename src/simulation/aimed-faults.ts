/**
 * Faults that are aimed at messages of one type, for those that are sent too rarely to be met by
 * chance: what befalls a message is what befalls others, but it is this one.
 */
import type { RegionId } from '../model/slot.ts'
import type { AimedFault, SimulatedConnection } from './connection.ts'
import type { FaultKind } from './fates.ts'
import type { Aim } from './message-types.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { World } from './world.ts'

interface Waiting {
  readonly aim: Aim
  left: number
}

export interface AimedFaultsOptions {
  readonly world: World
  readonly random: SeededRandom
  /** Undoes something after a while, or when all ends. */
  readonly later: (forMs: number, undo: () => void) => void
  readonly cut: (from: RegionId, to: RegionId, forMs: number) => void
}

/** So that a world has time to do something else. */
const BETWEEN_DEATHS_MS = 1_000
const BETWEEN_FAULTS_MS = 40

export class AimedFaults {
  readonly #options: AimedFaultsOptions
  /** By type of message; what is left of each. */
  readonly #aims = new Map<string, Waiting[]>()
  #nextMs = 0
  #nextDeathMs = 0

  constructor(options: AimedFaultsOptions) {
    this.#options = options
    options.world.network.aim = (label, end) => this.#take(label, end)
  }

  add(aim: Aim): void {
    const others = this.#aims.get(aim.message)
    const waiting = { aim, left: aim.times }
    if (others) others.push(waiting)
    else this.#aims.set(aim.message, [waiting])
  }

  /** Nothing is aimed at any more; what has been under way is healed by others. */
  stop(): void {
    this.#aims.clear()
  }

  #take(label: string, end: SimulatedConnection): AimedFault | undefined {
    const waiting = this.#aims.get(label)
    const { time } = this.#options.world
    if (!waiting || time.nowMs < this.#nextMs) return undefined
    const { random } = this.#options
    const possible = this.#possible(waiting)
    if (possible.length === 0) return undefined
    const chosen = random.pick(possible)
    const { aim } = chosen
    const kills = isDeath(aim.fault)
    if (!random.oneIn(aim.oneIn)) return undefined
    this.#nextMs = time.nowMs + random.between(0, 2 * BETWEEN_FAULTS_MS)
    if (kills) this.#nextDeathMs = time.nowMs + random.between(0.5, 1.5) * BETWEEN_DEATHS_MS
    chosen.left -= 1
    if (chosen.left === 0) waiting.splice(waiting.indexOf(chosen), 1)
    if (waiting.length === 0) this.#aims.delete(label)
    return this.#faultOf(aim.fault, end)
  }

  /** Deaths may be rare, so they come first where there may be one. */
  #possible(waiting: readonly Waiting[]): readonly Waiting[] {
    const { world, random } = this.#options
    const deaths = waiting.filter(({ aim }) => isDeath(aim.fault))
    const mayKill = world.time.nowMs >= this.#nextDeathMs
    if (mayKill && deaths.length > 0 && random.oneIn(2)) return deaths
    return mayKill ? waiting : waiting.filter(each => !deaths.includes(each))
  }

  #faultOf(fault: FaultKind, end: SimulatedConnection): AimedFault {
    const { random, cut } = this.#options
    switch (fault) {
      case 'delayed':
        return { lateMs: random.between(20, 800) }
      case 'overtaken':
        // Longer than the pings of the other connections are apart, and shorter than silence.
        return { lateMs: random.between(350, 1_000) }
      case 'held by a cut': {
        const forMs = random.between(100, 1_000)
        return { onDeparture: () => cut(end.region, end.remote, forMs) }
      }
      case 'lost':
        return { onDeparture: () => end.resetByMiddlebox() }
      case 'unconfirmed':
        return { afterArrival: this.#silencing(end) }
      case 'sender died':
        return { onDeparture: () => this.#kill(end.region, end.process) }
      case 'receiver died':
        return { beforeArrival: () => this.#kill(end.remote, end.otherProcess) }
    }
  }

  /** The other end does what it was asked for, or has begun to, and can't say so. */
  #silencing(end: SimulatedConnection): () => void {
    const { world, random } = this.#options
    const dies = random.oneIn(3)
    const afterMs = random.between(0, 3)
    if (!dies) return () => void world.time.after(0, () => end.isOpen && end.resetByMiddlebox())
    return () => void world.time.after(afterMs, () => this.#kill(end.remote, end.otherProcess))
  }

  /** It is started again soon, as by whoever watches it. */
  #kill(region: RegionId, process: SimulatedConnection['process']): void {
    const { world, random, later } = this.#options
    if (!process.alive) return
    if (!world.regions.includes(region)) {
      process.die()
      world.network.processDied(process, { resets: true })
      return
    }
    world.kill(region, { power: false })
    later(random.between(50, 700), () => world.start(region))
  }
}

const isDeath = (fault: FaultKind): boolean => fault === 'sender died' || fault === 'receiver died'
