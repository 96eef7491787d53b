import { existsSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { isAlive, pidFileHolder } from '../../src/runtime/pid-file.ts'
import { startWorld, type World } from './world.ts'

const marker = 'marker-that-travels'

const put = (world: World, region: string, key: string, text: string): Promise<Response> =>
  fetch(`${world.url(region)}/v1/kv/cities/${key}`, {
    method: 'PUT',
    headers: { 'content-type': 'text/plain' },
    body: text,
  })

const read = async (world: World, region: string, key: string): Promise<string | undefined> => {
  const headers = { 'denizen-consistency': 'eventual' }
  const response = await fetch(`${world.url(region)}/v1/kv/cities/${key}`, { headers })
  const text = await response.text()
  return response.ok ? text : undefined
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + 30_000
  while (!(await condition())) {
    if (performance.now() > deadlineMs) throw new Error('it did not come to pass')
    await new Promise(look => setTimeout(look, 20))
  }
}

test('a world of two: copies travel, cuts hold, the killed come back, nothing stays', async () => {
  const world = await startWorld({ regions: ['eu-west', 'us-east'], empty: true, capture: true })
  const data = world.dataDirectory('us-east')
  const pid = pidFileHolder(`${data}/node.lock`) ?? 0
  try {
    assert.equal(world.regions, ['eu-west', 'us-east'])
    assert.is((await put(world, 'eu-west', 'a', marker)).status, 201)
    await until(async () => (await read(world, 'us-east', 'a')) === marker)
    assert.ok(Buffer.concat([...world.captured('us-east')]).includes(marker))

    world.cut('eu-west', 'us-east')
    assert.is((await put(world, 'eu-west', 'a', 'behind the cut')).status, 204)
    assert.is(await read(world, 'us-east', 'a'), marker)
    assert.not(Buffer.concat([...world.captured('us-east')]).includes('behind the cut'))
    world.heal()
    await until(async () => (await read(world, 'us-east', 'a')) === 'behind the cut')

    await world.kill('us-east')
    assert.is(isAlive(pid), false)
    assert.is((await put(world, 'eu-west', 'a', 'while it was dead')).status, 204)
    await world.start('us-east')
    await until(async () => (await read(world, 'us-east', 'a')) === 'while it was dead')
    await world.stop('us-east')
    assert.is(await read(world, 'eu-west', 'a'), 'while it was dead')
  } finally {
    await world.close()
  }
  assert.not(existsSync(data))
})

test('a policy that is none is told, and leaves nothing', async () => {
  const failure = await startWorld({ config: 'cluster: [' }).catch((error: unknown) => error)
  assert.instance(failure, Error)
  assert.match((failure as Error).message, /is no valid policy/)
})

test.run()
