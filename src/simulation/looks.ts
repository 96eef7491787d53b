/** What clients do without being judged by it: lists, explanations, moves. None may be a bug. */
import { DenizenError } from '../model/errors.ts'
import type { Key } from '../model/key.ts'
import type { RegionId } from '../model/slot.ts'
import { keyOf } from './marks.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { Look } from './themes.ts'
import type { World } from './world.ts'

type Run = () => Promise<unknown>

export interface LooksOptions {
  readonly world: World
  readonly hotKeys: number
}

/** Who asks a region that dies is not answered. */
const LOOKS_MAX = 50

export class Looks {
  readonly #options: LooksOptions

  constructor(options: LooksOptions) {
    this.#options = options
  }

  /** Of any dataset, through a region; resolves when it is over. `only`: one of these. */
  async look(entry: RegionId, random: SeededRandom, only: readonly Look[] = []): Promise<void> {
    const { world, hotKeys } = this.#options
    const serving = world.serving(entry)
    if (!serving) return
    const placement = random.pick([...world.table.placements])
    const { id, data } = placement
    if (!data.serve.includes(entry)) return
    const request = { prefix: '', limit: 20, values: random.oneIn(2) }
    const consistency = random.pick(['session', 'eventual'] as const)
    const to = random.pick(world.regions)
    const hot = keyOf(id, `hot${random.below(hotKeys)}`) as Key
    const move: Run = () => world.operators.move(entry, { dataset: id, group: hot, to })
    const list: Run = () => serving.lists.list(id, request, { consistency })
    const listHome: Run = () =>
      serving.lists.list(id, { ...request, group: hot }, { consistency: 'strong' })
    const explain: Run = () => serving.explain.explain(id, keyOf(id, 'hot0') as Key)
    if (only.length === 0) return await this.#run(entry, random.pick([move, move, list, explain]))
    const of: Readonly<Record<Look, readonly Run[]>> = {
      list: [list],
      'list at home': [listHome],
      explain: [explain],
      move: [move],
    }
    await this.#run(entry, random.pick(of[random.pick(only)]))
  }

  async #run(entry: RegionId, look: Run): Promise<void> {
    const { world } = this.#options
    let over = false
    look()
      .catch((error: unknown) => {
        if (!(error instanceof DenizenError)) world.complain(entry, (error as Error).stack ?? '')
      })
      .finally(() => {
        over = true
      })
    for (let waits = 0; !over && waits < LOOKS_MAX; waits++) await world.time.pause(100)
  }
}
