/** Groups that are held: writes of every kind wait for a while, wherever they have entered. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Operation } from '../../src/execution/operation.ts'
import { DenizenError } from '../../src/model/errors.ts'
import type { Key } from '../../src/model/key.ts'
import { Holds } from '../../src/movement/holds.ts'
import { decodeCbor, encodeCbor } from '../../src/protocol/cbor.ts'
import { dataset, policy, tableOf } from '../support/policies.ts'
import { RoutingWorld } from '../support/routing-world.ts'

const regions = ['one', 'two', 'three', 'four']
const storing = ['one', 'two', 'three']
const data = policy(regions, [
  dataset('hint', storing, { serve: regions, groupBySegments: 1, slots: 4 }),
])
const strong = { consistency: 'strong' } as const

const put = (key: string): Operation => ({
  kind: 'put',
  key: key as Key,
  value: Buffer.from(key),
  mediaType: '',
  precondition: {},
})

class HeldWorld {
  readonly world: RoutingWorld
  readonly #holds = new Map<string, Holds>()

  private constructor(world: RoutingWorld) {
    this.world = world
    for (const self of storing) this.#holds.set(self, this.#holdsOf(self))
  }

  static async open(): Promise<HeldWorld> {
    return new HeldWorld(await RoutingWorld.open(data))
  }

  #holdsOf(self: string): Holds {
    const { world } = this
    const { shards, claims, movements } = world.at(self)
    return new Holds({
      ...{ self, shards, claims, moves: movements, clock: world.clock },
      table: () => tableOf(data),
      onViolation: () => world.violations.push(self),
      call: async (to, _name, body) =>
        decodeCbor(encodeCbor(await this.#at(to).answer(self, decodeCbor(encodeCbor(body))))),
    })
  }

  #at(region: string): Holds {
    const found = this.#holds.get(region)
    if (!found) throw new Error('no such region')
    return found
  }

  hold(region: string, group: string, forMs: number) {
    return this.#at(region).hold(this.world.placement('hint'), group, forMs)
  }

  async write(region: string, ...keys: string[]): Promise<string[]> {
    const operations = keys.map(put)
    const { outcomes } = await this.world.at(region).router.execute('hint', operations, strong)
    return outcomes.map(outcome => (outcome.kind === 'failed' ? outcome.error.code : outcome.kind))
  }
}

test('the state is told by the home, whoever is asked; what nobody wrote is empty', async () => {
  const held = await HeldWorld.open()
  await held.write('three', 'g/a', 'g/b')
  const first = await held.hold('three', 'g', 0)
  assert.equal([first.state.records, first.state.bytes, first.erasedTerm], [2, 12, undefined])
  assert.equal(await held.hold('one', 'g', 0), first)
  await held.write('one', 'g/a')
  assert.is.not((await held.hold('two', 'g', 0)).state.tag, first.state.tag)
  for (const region of storing) {
    assert.equal((await held.hold(region, 'nobody', 0)).state.records, 0)
  }
})

test('writes, batches and deletions wait until a hold is over; reads do not', async () => {
  for (const [region, ends] of [...storing, 'four'].flatMap(it => [
    [it, 'by itself'],
    [it, 'by a word'],
  ])) {
    const held = await HeldWorld.open()
    const { world } = held
    await held.write('three', 'g/a')
    await held.hold('one', 'g', ends === 'by itself' ? 400 : 60_000)
    let isOver = false
    const at = region as string
    const single = held.write(at, 'g/a')
    const batch = held.write(at, 'g/b', 'h/a', 'g/c')
    const both = Promise.all([single, batch]).then(replies => {
      isOver = true
      return replies.flat()
    })
    const read = world.at(at).router.execute('hint', [{ kind: 'get', key: 'g/a' as Key }], strong)
    assert.is((await read).outcomes[0]?.kind, 'found')
    for (let n = 0; n < 20; n++) {
      world.clock.advance(10)
      await new Promise(resolve => setImmediate(resolve))
    }
    assert.not.ok(isOver, `${at}: they wait`)
    if (ends === 'by a word') await held.hold('two', 'g', 0)
    assert.equal(await world.until('hint', both), ['written', 'written', 'written', 'written'])
  }
})

test('who waits too long is told so, and nothing was applied', async () => {
  const held = await HeldWorld.open()
  await held.write('three', 'g/a')
  const { state } = await held.hold('three', 'g', 60_000)
  const writes = [held.write('three', 'g/a'), held.write('four', 'g/b', 'h/b')]
  const replies = await held.world.until('hint', Promise.all(writes))
  assert.equal(replies, [['home_moving'], ['home_moving', 'written']])
  assert.equal((await held.hold('one', 'g', 0)).state, state)
})

test('a region that may not store the dataset can not ask for a hold', async () => {
  const held = await HeldWorld.open()
  const stranger = policy(regions, [dataset('hint', storing, { groupBySegments: 1, slots: 4 })])
  const { shards, claims, movements } = held.world.at('one')
  const holds = new Holds({
    ...{ self: 'one', shards, claims, moves: movements, clock: held.world.clock },
    table: () => tableOf(stranger),
    onViolation: () => held.world.violations.push('one'),
    call: () => Promise.reject(new Error('nobody is asked')),
  })
  const error = await holds
    .answer('four', { dataset: 'hint', group: 'g', forMs: 5_000 })
    .catch((failed: unknown) => failed)
  assert.is(error instanceof DenizenError && error.code, 'residency_violation')
  assert.equal(held.world.violations, ['one'])
})

test.run()
