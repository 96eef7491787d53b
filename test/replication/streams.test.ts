/** The shell around senders and followers: what it holds in memory, and what ends a stream. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Key } from '../../src/model/key.ts'
import { limits } from '../../src/model/limits.ts'
import { dataset, policy, tableOf } from '../support/policies.ts'
import { ReplicatingWorld } from '../support/replicating-world.ts'
import { seededRandom } from '../support/seeded-random.ts'

const regions = ['one', 'two']
const pinned = { homing: { kind: 'pinned', region: 'one' }, slots: 8 } as const

test('many large values of many stores never overflow the link', async () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g']
  const table = tableOf(
    policy(
      regions,
      names.map(name => dataset(name, regions, pinned)),
    ),
  )
  const world = new ReplicatingWorld({ table, random: seededRandom(1), threads: 1, stores: 4 })
  const source = await world.start('one')
  const bytes = new Uint8Array(limits.valueBytesMax)
  for (const name of names) {
    for (let slot = 0; slot < 4; slot++) {
      const key = keyOfSlot(name, slot)
      const value = { bytes, mediaType: '' }
      const write = { key, value, precondition: {}, nowMs: 0 }
      await world.until(source.shards.call(name, slot, 'write', write))
    }
  }
  await world.start('two')
  world.connect('two', 'one')
  const [pipe] = world.pipes.values()
  assert.ok(pipe)
  world.lanes.held = `${pipe.name} down`
  await world.settle()
  assert.ok(pipe.bytesMax > limits.valueBytesMax, 'the source went ahead of the slow link')
  world.lanes.held = undefined
  await world.settle()
  assert.equal(world.complaints, [])
  assert.not(pipe.closed)
  assert.ok(pipe.bytesMax < limits.linkQueueBytesMax / 2)
  for (const copy of world.copies()) {
    const reader = await world.read(copy)
    const held = [...reader.recordRows('')].length
    assert.is(held, 1, copy.directory)
  }

  function keyOfSlot(name: string, slot: number): Key {
    const placement = table.byId(name)
    assert.ok(placement)
    for (let n = 0; ; n++) if (placement.slotOf(`k${n}`) === slot) return `k${n}` as Key
  }
})

test('what is no message of the protocol ends the stream', async () => {
  const table = tableOf(policy(regions, [dataset('a', regions, pinned)]))
  const world = new ReplicatingWorld({ table, random: seededRandom(1), threads: 1, stores: 1 })
  await world.start('one')
  await world.start('two')
  world.connect('two', 'one')
  const [pipe] = world.pipes.values()
  await world.settle()
  assert.not(pipe?.closed)
  pipe?.atFollower.send({ type: 'follow', dataset: 'a' })
  await world.settle()
  assert.ok(pipe?.closed)
})

test('a region that may not store a dataset gets nothing of it, and it is counted', async () => {
  const table = tableOf(policy(regions, [dataset('a', regions, pinned), dataset('b', ['one'])]))
  const world = new ReplicatingWorld({ table, random: seededRandom(1), threads: 1, stores: 1 })
  await world.start('one')
  await world.start('two')
  world.connect('two', 'one')
  const [pipe] = world.pipes.values()
  pipe?.atFollower.send({ type: 'follow', dataset: 'b', positions: [] })
  await world.settle()
  assert.ok(pipe?.closed)
  assert.ok(world.complaints.some(text => text.includes('residency')))
})

test.run()
