/**
 * A region whose disk runs full, on a real file system of its own: it takes no values, goes on
 * answering reads and deletions, holds its copies back without losing their place, and takes up
 * where it was as soon as there is room.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { limits } from '../../src/model/limits.ts'
import { nodeDisk } from '../../src/runtime/node-disk.ts'
import { mayMount, mountSmallDisk, type SmallDisk } from '../support/small-disk.ts'
import { startWorld, type World } from '../worlds/world.ts'
import {
  assertNoErrorLogged,
  assertProblem,
  connected,
  converged,
  get,
  put,
  remove,
  strong,
  until,
} from './client.ts'

const [near, full] = ['eu-central', 'eu-west']
const sizeBytes = limits.diskReserveBytes + 32 * 1024 * 1024

const fullDisk = suite('full disk')
const check = mayMount ? fullDisk : fullDisk.skip
let world: World
let disk: SmallDisk

fullDisk.before(async () => {
  if (!mayMount) return
  world = await startWorld({ regions: [near, full] })
  await world.stop(full)
  disk = mountSmallDisk(world.dataDirectory(full), sizeBytes)
  await world.start(full)
  await connected(world)
})
fullDisk.after(async () => {
  if (!mayMount) return
  await world.stop(full)
  disk.unmount()
  await world.close()
})

const fillUpTo = (leftBytes: number): void => {
  disk.free()
  disk.fillUpTo(leftBytes, nodeDisk.roomBytes(world.dataDirectory(full)))
}
const ready = async (): Promise<unknown> => (await fetch(`${world.url(full)}/readyz`)).json()
const value = new Uint8Array(300_000)

check('values are refused, reads and deletions are not, and nothing is lost', async () => {
  const acknowledged: string[] = []
  for (let n = 0; n < 5; n++) {
    const name = `cities before/${n}`
    assert.is((await put(world, full, name, value)).status, 201)
    acknowledged.push(name)
  }
  assert.equal(await ready(), { status: 'ok', region: full })

  fillUpTo(limits.diskReserveBytes - 1)
  assert.equal(await ready(), { status: 'ok', region: full, readOnly: true })
  const refused = await put(world, full, 'cities new', value)
  const { applied, retry } = assertProblem(refused, 507, 'disk_full')
  assert.equal([applied, retry], ['no', 'safe'])
  assertProblem(await put(world, near, 'cities before/0', 'forwarded'), 507, 'disk_full')
  assert.is((await get(world, full, 'cities before/0', strong)).status, 200)
  assert.is((await remove(world, full, 'cities before/4')).status, 204)
  acknowledged.pop()

  // More than the credit of a stream: what its home goes on to write is held back here.
  const elsewhere = Array.from({ length: 20 }, (_, n) => `cities elsewhere/${n}`)
  for (const name of elsewhere) assert.is((await put(world, near, name, value)).status, 201)
  acknowledged.push(...elsewhere)

  fillUpTo(limits.diskLastReserveBytes - 1)
  assertProblem(await remove(world, full, 'cities before/3'), 507, 'disk_full')
  assert.is((await get(world, full, 'cities before/3', strong)).status, 200)

  disk.free()
  await until('the region takes values again', async () => {
    return (await put(world, full, 'cities again', value)).status === 201
  })
  await converged(world)
  for (const name of acknowledged) {
    for (const region of world.regions) {
      assert.is((await get(world, region, name)).body.length, value.length, name)
    }
  }
  assert.is((await get(world, full, 'cities new', strong)).status, 404)
  assertNoErrorLogged(world)
})

fullDisk.run()
