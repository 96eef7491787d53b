/** Damage in a world that replicates: streams go on around it, and copies are repaired. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fromUtf8, utf8 } from '../../src/model/bytes.ts'
import type { Key } from '../../src/model/key.ts'
import { timing } from '../../src/model/limits.ts'
import type { RegionId, Slot } from '../../src/model/slot.ts'
import { damagedHead } from '../../src/storage/record.ts'
import type { StoreReader } from '../../src/storage/store.ts'
import { damageRecord } from '../support/damage.ts'
import { dataset, policy, tableOf } from '../support/policies.ts'
import { ReplicatingWorld } from '../support/replicating-world.ts'
import { seededRandom } from '../support/seeded-random.ts'

const regions = ['one', 'two', 'three']
const pinned = { homing: { kind: 'pinned', region: 'one' }, slots: 2 } as const
const table = tableOf(policy(regions, [dataset('things', regions, pinned)]))
const placement = table.byId('things')
const keys = Array.from({ length: 20 }, (_, n) => `k${n}` as Key)
const slotOf = (key: Key): Slot => placement?.slotOf(placement.groupOf(key)) ?? 0

class DamagedWorld {
  readonly world = new ReplicatingWorld({
    ...{ table, random: seededRandom(1), threads: 1, stores: 1 },
  })

  static async start(...started: readonly RegionId[]): Promise<DamagedWorld> {
    const damaged = new DamagedWorld()
    for (const region of started) await damaged.world.start(region)
    return damaged
  }

  async write(key: Key, text: string): Promise<void> {
    const home = this.world.running.get('one')
    assert.ok(home)
    const value = { bytes: utf8(text), mediaType: '' }
    const request = { key, value, precondition: {}, nowMs: 0 }
    await this.world.until(home.shards.call('things', slotOf(key), 'write', request))
  }

  async reader(region: RegionId): Promise<StoreReader> {
    const copy = [...this.world.copies()].find(it => it.region === region)
    assert.ok(copy)
    return await this.world.read(copy)
  }

  async damage(region: RegionId, key: Key): Promise<void> {
    const { engine } = await this.reader(region)
    await this.world.until(damageRecord(engine as Parameters<typeof damageRecord>[0], key))
  }

  /** Lets seconds pass in which polls are sent and repairs tried. */
  async pass(seconds: number): Promise<void> {
    for (let n = 0; n < seconds; n++) {
      this.world.clock.advance(timing.pollIntervalMs)
      await this.world.settle()
    }
  }

  async values(region: RegionId): Promise<readonly string[]> {
    const reader = await this.reader(region)
    return keys.map(key => {
      const head = reader.heldHead(key)
      return head === damagedHead ? head : fromUtf8(reader.record(key)?.value ?? utf8(''))
    })
  }

  async assertAlike(): Promise<void> {
    const [first, ...others] = await Promise.all(
      [...this.world.running.keys()].map(async region => ({
        values: await this.values(region),
        digests: [...(await this.reader(region)).digests()],
      })),
    )
    for (const other of others) assert.equal(other, first)
    assert.not(first?.values.includes('damaged'))
  }
}

test('a source goes on around a damaged record, and past it once another region repaired it', async () => {
  const damaged = await DamagedWorld.start('one', 'two')
  const { world } = damaged
  for (const key of keys) await damaged.write(key, key)
  world.connect('two', 'one')
  await damaged.pass(2)
  world.silent.add('two')
  const key = keys[3] as Key
  await damaged.damage('one', key)
  await world.start('three')
  world.connect('three', 'one')
  await damaged.pass(3)
  const reader = await damaged.reader('three')
  const feed = world.feedOf('one')
  assert.is(reader.feedState(slotOf(key), feed).complete, 0, 'nothing is complete past it')
  assert.ok(reader.feedState(1 - slotOf(key), feed).complete > 0, 'the other slot goes on')
  assert.is(world.running.get('one')?.repairs.counts().waiting, 1)

  world.silent.clear()
  await damaged.pass(4)
  assert.equal(world.running.get('one')?.repairs.counts(), { found: 1, repaired: 1, waiting: 0 })
  await damaged.assertAlike()
  assert.equal(world.complaints, [])
})

test('a copy is repaired while its stream goes on', async () => {
  const damaged = await DamagedWorld.start(...regions)
  const { world } = damaged
  world.connectAll()
  for (const key of keys) await damaged.write(key, key)
  await damaged.pass(2)
  for (const key of keys.slice(0, 5)) await damaged.damage('three', key)
  await damaged.write(keys[0] as Key, 'later')
  for (const key of keys.slice(0, 5)) world.running.get('three')?.repairs.onDamaged('things', key)
  await damaged.pass(3)
  await damaged.assertAlike()
  assert.is((await damaged.values('three'))[0], 'later')
  assert.is(world.running.get('three')?.repairs.counts().waiting, 0)
  assert.equal(world.complaints, [])
})

test('what only the home has acknowledged is refused until it is written anew', async () => {
  const damaged = await DamagedWorld.start(...regions)
  const { world } = damaged
  world.connectAll()
  for (const key of keys) await damaged.write(key, key)
  await damaged.pass(2)
  for (const pipe of world.pipes.values()) pipe.close()
  const key = keys[0] as Key
  await damaged.write(key, 'not yet elsewhere')
  await damaged.damage('one', key)
  world.running.get('one')?.repairs.onDamaged('things', key)
  await damaged.pass(3)
  assert.is((await damaged.values('one'))[0], 'damaged')
  await damaged.write(key, 'anew')
  world.connectAll()
  await damaged.pass(3)
  assert.is((await damaged.values('two'))[0], 'anew')
  await damaged.assertAlike()
  assert.equal(world.running.get('one')?.repairs.counts(), { found: 1, repaired: 0, waiting: 0 })
})

test.run()
