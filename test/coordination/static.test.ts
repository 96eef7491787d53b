/** Static coordination: founding, joining, majorities, strangers, stale records, a lost keeper. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { clusterRecordSchema } from '../../src/coordination/cluster-record.ts'
import { CoordinationError } from '../../src/coordination/coordination.ts'
import type { StaticCoordination } from '../../src/coordination/static.ts'
import { DenizenError } from '../../src/model/errors.ts'
import type { RegionId } from '../../src/model/slot.ts'
import { decodeCbor } from '../../src/protocol/cbor.ts'
import {
  build,
  everywhere,
  failureOf,
  founded,
  membersOf,
  path,
  turn,
  world,
} from '../support/coordination-world.ts'
import { type MemoryDisk, memoryDisk } from '../support/memory-disk.ts'
import { dataset, policy } from '../support/policies.ts'

const founding = suite('static coordination: founding and joining')

founding('the keeper founds once a majority knows nothing, and all are entered', async () => {
  const at = world()
  await founded(at)
  const keeper = at.running.get('one') as StaticCoordination
  assert.equal(membersOf(keeper), {
    one: 'node-one',
    two: 'node-two',
    three: 'node-three',
    four: 'node-four',
  })
  for (const region of everywhere) {
    const coordination = at.running.get(region) as StaticCoordination
    assert.is(coordination.waitingFor(), undefined)
    assert.is(coordination.clusterId(), keeper.clusterId())
    assert.is(coordination.record().members[region]?.url, `http://${region}`)
  }
})

founding('regions that join at the same moment are all entered', async () => {
  const at = world()
  const keeper = await at.up('one', { othersStopped: true })
  assert.ok(await at.ended(keeper.start()))
  await Promise.all(
    ['two', 'three', 'four'].map(region =>
      keeper.answer(region, 'coordination.join', {
        nodeId: region,
        url: `http://${region}`,
        build,
      }),
    ),
  )
  assert.equal(membersOf(keeper), { one: 'node-one', two: 'two', three: 'three', four: 'four' })
})

founding('of two nodes that join as one region at the same moment, one is refused', async () => {
  const at = world()
  const keeper = await at.up('one', { othersStopped: true })
  assert.ok(await at.ended(keeper.start()))
  const joins = await Promise.allSettled(
    ['first', 'second'].map(nodeId =>
      keeper.answer('two', 'coordination.join', { nodeId, url: `http://${nodeId}`, build }),
    ),
  )
  assert.equal(
    joins.map(({ status }) => status),
    ['fulfilled', 'rejected'],
  )
  assert.is(membersOf(keeper).two, 'first')
})

founding('without a majority nobody founds, and the node says what it waits for', async () => {
  const at = world()
  const keeper = await at.up('one')
  await at.up('two')
  const starting = keeper.start()
  assert.not(await at.ended(starting))
  assert.match(keeper.waitingFor() ?? '', /3 of 4 regions; heard 2/)
  await at.up('three')
  assert.ok(await at.ended(starting))
})

founding('a node that is stopped while it waits gives up', async () => {
  const at = world()
  const keeper = await at.up('one')
  const starting = keeper.start()
  assert.not(await at.ended(starting, 2))
  keeper.stop()
  assert.instance(await failureOf(Promise.all([starting, at.ended(starting)])), CoordinationError)
})

founding('only the keeper enters regions', async () => {
  const at = world()
  await founded(at)
  const two = at.running.get('two') as StaticCoordination
  const join = two.answer('three', 'coordination.join', { nodeId: 'x', url: 'http://x', build })
  const error = await failureOf(join)
  assert.ok(error instanceof DenizenError && error.code === 'coordinator_unavailable')
})

founding('a region that the policy in force does not have is told so', async () => {
  const at = world()
  await founded(at)
  const more = policy([...everywhere, 'five'], [dataset('cities', everywhere)])
  const five = await at.up('five', { desired: more })
  const starting = five.start()
  const [error] = await Promise.all([failureOf(starting), at.ended(starting)])
  assert.ok(error instanceof CoordinationError)
  assert.match(error.message, /no region five/)
})

founding.run()

const restarts = suite('static coordination: restarts')

restarts('a region serves after hearing the keeper alone', async () => {
  const at = world()
  const disks = await founded(at)
  for (const region of ['two', 'three', 'four']) at.down(region)
  const two = await at.up('two', { disk: disks.get('two') as MemoryDisk })
  assert.ok(await at.ended(two.start()))
})

restarts('without the keeper it needs a majority, itself included', async () => {
  const at = world()
  const disks = await founded(at)
  for (const region of everywhere) at.down(region)
  const back = (region: RegionId) => at.up(region, { disk: disks.get(region) as MemoryDisk })
  const two = await back('two')
  const starting = two.start()
  await back('three')
  assert.not(await at.ended(starting))
  await back('four')
  assert.ok(await at.ended(starting))
})

restarts('the keeper itself needs a majority, or the word of its operator', async () => {
  const at = world()
  const disks = await founded(at)
  for (const region of everywhere) at.down(region)
  const disk = disks.get('one') as MemoryDisk
  const waiting = await at.up('one', { disk })
  assert.not(await at.ended(waiting.start()))
  waiting.stop()
  const told = await at.up('one', { disk, othersStopped: true })
  assert.ok(await at.ended(told.start()))
})

restarts(
  'a higher record is fetched, kept and acted under; a lower one changes nothing',
  async () => {
    const at = world()
    const disks = await founded(at)
    const keeper = at.running.get('one') as StaticCoordination
    const two = at.running.get('two') as StaticCoordination
    const before = two.record()
    const changes: number[] = []
    two.onChange(({ revision }) => changes.push(revision))
    await keeper.answer('four', 'coordination.join', {
      nodeId: 'node-four',
      url: 'http://moved',
      build,
    })
    two.observe('one', keeper.record())
    two.observe('one', keeper.record())
    for (let n = 0; n < 20; n++) await turn()
    assert.is(two.record().members.four?.url, 'http://moved')
    const bytes = disks.get('two')?.files.get(path)
    assert.ok(bytes)
    assert.is(clusterRecordSchema.parse(decodeCbor(bytes)).members.four?.url, 'http://moved')
    assert.equal(changes, [keeper.record().revision])
    two.observe('three', before)
    for (let n = 0; n < 20; n++) await turn()
    assert.is(two.record().members.four?.url, 'http://moved')
  },
)

restarts('a record that could not be kept is not acted under', async () => {
  const at = world()
  const disks = await founded(at)
  const keeper = at.running.get('one') as StaticCoordination
  const before = keeper.record().revision
  disks.get('one')?.fail()
  await failureOf(
    keeper.answer('two', 'coordination.join', { nodeId: 'node-two', url: 'u', build }),
  )
  assert.is(keeper.record().revision, before)
})

restarts('a region whose address changed serves though the keeper is away', async () => {
  const at = world()
  const disks = await founded(at)
  at.down('one')
  const disk = disks.get('two') as MemoryDisk
  const two = await at.up('two', { disk, url: 'http://elsewhere', build })
  assert.ok(await at.ended(two.start()))
})

restarts.run()

const strangers = suite('static coordination: strangers and lost disks')

strangers('a node with another id is refused in a region that has one', async () => {
  const at = world()
  await founded(at)
  const stranger = await at.up('two', { nodeId: 'stranger' })
  const starting = stranger.start()
  const [error] = await Promise.all([failureOf(starting), at.ended(starting)])
  assert.ok(error instanceof CoordinationError)
  assert.match(error.message, /belongs to node node-two/)
  assert.is(membersOf(at.running.get('one') as StaticCoordination).two, 'node-two')
})

strangers('a keeper that lost its disk does not found a second cluster', async () => {
  const at = world()
  await founded(at)
  const keeper = await at.up('one', { nodeId: 'new' })
  const starting = keeper.start()
  const [error] = await Promise.all([failureOf(starting), at.ended(starting)])
  assert.ok(error instanceof CoordinationError)
  assert.match(error.message, /keeper of a cluster that .* knows/)
})

strangers('a record of another cluster is never taken, whichever comes first', async () => {
  const other = world(8)
  await founded(other)
  const at = world()
  await founded(at)
  at.running.set('three', other.running.get('two') as StaticCoordination)
  at.running.set('four', other.running.get('three') as StaticCoordination)
  at.down('two')
  const disk = memoryDisk()
  const two = await at.up('two', { disk, nodeId: 'node-two' })
  const starting = two.start()
  const [error] = await Promise.all([failureOf(starting), at.ended(starting)])
  assert.ok(error instanceof CoordinationError)
  assert.match(error.message, /another cluster/)
})

strangers.run()

const restores = suite('static coordination: after a restore')

restores('all regions are heard but those that are lost, not a majority alone', async () => {
  const at = world()
  const disks = await founded(at)
  const disk = disks.get('one') as MemoryDisk
  at.down('one')
  at.down('four')
  const one = await at.up('one', { disk, restored: { lost: new Set() } })
  const starting = one.start()
  assert.not(await at.ended(starting))
  assert.match(`${one.waitingFor()}`, /has not heard four/)
  await at.up('four', { disk: disks.get('four') as MemoryDisk })
  assert.ok(await at.ended(starting))
  at.down('two')
  const again = await at.up('one', { disk, restored: { lost: new Set(['two']) } })
  assert.ok(await at.ended(again.start()))
})

restores.run()
