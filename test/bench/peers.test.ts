/** Each server that can be measured here: filled, asked, started again, and gone afterwards. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { inDirectory } from '../../bench/children.ts'
import { generate } from '../../bench/loads/generator.ts'
import { peak } from '../../bench/loads/peak.ts'
import { hasWrk } from '../../bench/loads/wrk.ts'
import type { Peer, PeerId } from '../../bench/peers/peer.ts'
import { missingPeer, withPeers } from '../../bench/peers/peers.ts'
import { diskBytes, memoryOf } from '../../bench/proc.ts'

const keys = 1_100
const valueBytes = 100

async function assertSound(peer: Peer): Promise<void> {
  await peer.fill(0, keys, valueBytes)
  await peer.verify(keys, valueBytes)
  for (const operation of ['put', 'get'] as const) {
    const { dialect, port } = peer
    const result = await generate({
      ...{ dialect, port, operation, connections: 3, keys, valueBytes },
      ...{ seconds: 0.2, warmUpSeconds: 0, rate: 100 },
    })
    assert.is(result.requests, 20)
  }
  await peer.checkCounters()
  const memory = memoryOf(peer.pid ?? 0)
  assert.ok(memory.anonBytes > 1e6 && memory.fileBytes > 1e6)
  if (peer.dataDirectory === undefined) return
  assert.ok(diskBytes(peer.dataDirectory) > keys * valueBytes)
  await peer.stop()
  assert.is(peer.pid, undefined)
  assert.ok((await peer.start()) > 0)
  await peer.verify(keys, valueBytes)
}

/** A check that never fails checks nothing. */
async function assertNoticed(peer: Peer): Promise<void> {
  const isNoticed = (keys: number, valueBytes: number): Promise<boolean> =>
    peer.verify(keys, valueBytes).then(
      () => false,
      () => true,
    )
  assert.ok(await isNoticed(keys + 1, valueBytes), 'a key is missing')
  assert.ok(await isNoticed(keys - 1, valueBytes), 'a key is too many')
  assert.ok(await isNoticed(keys, valueBytes + 1), 'a value has another size')
}

const ids: readonly PeerId[] = ['denizen', 'bare', 'redis', 'redis-synced', 'etcd', 'nats']

for (const id of ids.filter(it => missingPeer(it) === undefined)) {
  test(`${id}: keys are put, asked for, and there after a start`, () =>
    inDirectory(directory =>
      withPeers([id], { directory, valueBytes, threads: 2 }, async peers => {
        const peer = peers.get(id) as Peer
        await assertSound(peer)
        if (id !== 'bare') await assertNoticed(peer)
      }),
    ))
}

/** Keys and values that a script makes up wrongly are missing afterwards, or too many. */
for (const id of (['denizen', 'etcd'] as const).filter(it => missingPeer(it) === undefined)) {
  if (!hasWrk()) continue
  test(`${id}: what wrk puts and gets are the same keys`, () =>
    inDirectory(directory =>
      withPeers([id], { directory, valueBytes, threads: 2 }, async peers => {
        const peer = peers.get(id) as Peer
        await peer.fill(0, keys, valueBytes)
        const load = { connections: 2, keys, valueBytes, seconds: 1, warmUpSeconds: 0 }
        for (const operation of ['put', 'get'] as const) {
          const { tool, perSecond } = await peak(peer, { ...load, operation })
          assert.is(tool, 'wrk')
          assert.ok(perSecond > 0)
        }
        await peer.verify(keys, valueBytes)
      }),
    ))
}

if (missingPeer('redis') === undefined) {
  test('redis: asking for keys that are not there gives no figure', () =>
    inDirectory(directory =>
      withPeers(['redis'], { directory, valueBytes, threads: 1 }, async peers => {
        const get = { operation: 'get', connections: 1, keys, valueBytes } as const
        const running = peak(peers.get('redis') as Peer, { ...get, seconds: 1, warmUpSeconds: 0 })
        const failure = await running.then(
          () => 'a figure was given out',
          (error: Error) => error.message,
        )
        assert.match(failure, /misses|no result|redis get/)
      }),
    ))
}

test.run()
