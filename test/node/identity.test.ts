/** node.json: made once; marked before a newer format is written, refused where unreadable. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fromUtf8, utf8 } from '../../src/model/bytes.ts'
import { Identity } from '../../src/node/identity.ts'
import { StartError } from '../../src/node/start-error.ts'
import { memoryDisk } from '../support/memory-disk.ts'
import { seededRandom } from '../support/seeded-random.ts'

const directory = 'data'
const path = 'data/node.json'
const old = { version: '1.0.0', oldest: 1, newest: 1 }
const newer = { version: '2.0.0', oldest: 1, newest: 2 }

function at(disk = memoryDisk()) {
  const random = seededRandom(7)
  return {
    disk,
    open: (build = old, region = 'one') =>
      Identity.open({ disk, directory, region, build }, random),
    json: (): unknown => JSON.parse(fromUtf8(disk.files.get(path) ?? new Uint8Array())),
    put: (json: unknown) => disk.replace(path, utf8(JSON.stringify(json))),
  }
}

async function refusal(task: Promise<unknown>): Promise<StartError> {
  const error = await task.then(
    () => undefined,
    failure => failure,
  )
  assert.instance(error, StartError)
  return error
}

test('a node keeps its id, and says which version ran last', async () => {
  const place = at()
  const { nodeId } = await place.open()
  assert.is((await place.open(newer)).nodeId, nodeId)
  assert.equal(place.json(), {
    ...{ format: 1, nodeId, region: 'one', dataFormat: 1, writtenBy: '2.0.0' },
  })
  assert.is((await place.open(old)).nodeId, nodeId)
  assert.match((await refusal(place.open(old, 'two'))).message, /belongs to region one/)
})

test('a directory of a newer format is refused, with the version that it needs', async () => {
  const place = at()
  const identity = await place.open(newer)
  await Promise.all([identity.useFormat(2), identity.useFormat(2), identity.useFormat(1)])
  const { message, action } = await refusal(place.open(old))
  assert.match(message, /data format 2, and denizen 1.0.0 knows format 1/)
  assert.match(action, /2.0.0/)
  await place.put({ dataFormat: 3, writtenBy: '3.0.0', somethingNew: true })
  assert.match((await refusal(place.open(newer))).message, /knows formats 1 to 2/)
})

test('a directory from before there were formats has the first one', async () => {
  const place = at()
  await place.put({ format: 1, nodeId: 'n', region: 'one' })
  assert.is((await place.open()).nodeId, 'n')
})

test('half a restore is refused, a whole one recovers once', async () => {
  const place = at()
  const restored = { format: 1, nodeId: 'n', region: 'one', dataFormat: 1, writtenBy: '1.0.0' }
  await place.put({ ...restored, restored: 'unfinished' })
  assert.match((await refusal(place.open())).message, /half a backup/)
  await place.put({ ...restored, restored: 'recovering' })
  const identity = await place.open()
  assert.ok(identity.isRecovering)
  await identity.recovered()
  assert.not((await place.open()).isRecovering)
})

test('a damaged file is refused', async () => {
  const place = at()
  await place.disk.replace(path, utf8('{"format":1'))
  assert.match((await refusal(place.open())).message, /is damaged/)
})

test.run()
