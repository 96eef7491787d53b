/** Which data format is in force: who puts a newer one there, and who can't work with it. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Build } from '../../src/coordination/build.ts'
import { CoordinationError } from '../../src/coordination/coordination.ts'
import type { StaticCoordination } from '../../src/coordination/static.ts'
import { DenizenError } from '../../src/model/errors.ts'
import type { RegionId } from '../../src/model/slot.ts'
import { failureOf, founded, type NodeOptions, world } from '../support/coordination-world.ts'
import { type MemoryDisk, memoryDisk } from '../support/memory-disk.ts'

const upgrades = suite('static coordination: data formats')

const newer: Build = { version: '2.0.0', oldest: 1, newest: 2 }

/** Starts a region again, with another build. */
async function restarted(
  at: ReturnType<typeof world>,
  self: RegionId,
  options: NodeOptions,
): Promise<StaticCoordination> {
  const coordination = await at.up(self, options)
  assert.ok(await at.ended(coordination.start()))
  return coordination
}

upgrades('a newer format comes into force once every region knows it, and not before', async () => {
  const at = world()
  const disks = await founded(at)
  const keeper = at.running.get('one') as StaticCoordination
  assert.is(keeper.record().dataFormat, 1)
  for (const region of ['four', 'three', 'two']) {
    const disk = disks.get(region) as MemoryDisk
    const asked = await restarted(at, region, { disk, build: newer })
    const refusal = await failureOf(asked.acts.finalizeFormat())
    assert.ok(refusal instanceof DenizenError)
    assert.is(refusal.code, 'upgrade_refused')
    assert.match(refusal.message, /one runs denizen 1.0.0, which knows format 1/)
  }
  at.down('three')
  const disk = disks.get('one') as MemoryDisk
  const upgraded = await restarted(at, 'one', { disk, build: newer })
  assert.match((await failureOf(upgraded.acts.finalizeFormat())).message, /three can not be asked/)
  assert.is(upgraded.record().dataFormat, 1)
  await at.up('three', { disk: disks.get('three') as MemoryDisk, build: newer })
  const two = at.running.get('two') as StaticCoordination
  assert.is((await two.acts.finalizeFormat()).dataFormat, 2)
  assert.is(upgraded.record().members.two?.build?.version, '2.0.0')
  assert.is(
    (await upgraded.acts.finalizeFormat()).revision,
    two.record().revision,
    'once is enough',
  )
})

upgrades('a build that does not know the format in force does not start', async () => {
  const at = world()
  const build: Build = { version: '3.0.0', oldest: 2, newest: 3 }
  const disk = memoryDisk()
  const keeper = await at.up('one', { disk, build, othersStopped: true })
  await keeper.start()
  assert.match((await failureOf(at.node('one', { disk }))).message, /format 3, .* knows format 1/)
  const ahead = { version: '5.0.0', oldest: 4, newest: 5 }
  const error = await failureOf(at.node('one', { disk, build: ahead }))
  assert.ok(error instanceof CoordinationError)
  assert.match(error.action, /older version/)
})

upgrades.run()
