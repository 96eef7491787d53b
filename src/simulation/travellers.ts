/**
 * Sessions that go from region to region right behind news: somebody writes or deletes a key,
 * another one hears of it there and looks at the same key elsewhere, where the news may not have
 * come yet. What a session has found absent is as easily forgotten as it is hard to notice.
 */
import { Client } from './client.ts'
import type * as history from './history.ts'
import { namedGroup, whereOf } from './named-groups.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { World } from './world.ts'

export interface TravellersOptions {
  readonly world: World
  readonly random: SeededRandom
  readonly records: history.OperationRecord[]
}

const PAUSE_MS = 400
const KEYS = 4
const STOPS = 3

export class Travellers {
  readonly #options: TravellersOptions
  #running: Promise<void> | undefined
  #stopped = false
  #values = 0

  constructor(options: TravellersOptions) {
    this.#options = options
  }

  start(): void {
    this.#running = this.#run()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
  }

  async #run(): Promise<void> {
    const { world, random } = this.#options
    const writer = new Client({ ...this.#options, name: 'author' })
    const reader = new Client({ ...this.#options, name: 'traveller' })
    while (!this.#stopped) {
      await world.time.pause(random.between(0, 2 * PAUSE_MS))
      const placement = random.pick([...world.table.placements])
      const { serve } = placement.data
      const group = namedGroup(placement, `trip${random.below(KEYS)}`, ['a'])
      const [key = ''] = group.keys
      const from = random.pick(serve)
      await writer.ask(from, { ...whereOf(group), operation: this.#draw(key) })
      for (const entry of [from, ...Array.from({ length: STOPS }, () => random.pick(serve))]) {
        const operation = { kind: 'get', key, consistency: 'session' } as const
        await reader.ask(entry, { ...whereOf(group), operation })
      }
    }
  }

  #draw(key: string): history.Operation {
    if (this.#options.random.oneIn(2)) return { kind: 'delete', key }
    this.#values += 1
    return { kind: 'put', key, value: `t${this.#values}` }
  }
}
