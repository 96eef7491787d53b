import { connect } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { DenizenError } from '../../src/model/errors.ts'
import { limits, timing } from '../../src/model/limits.ts'
import { reconnectDelayMs } from '../../src/peers/dialer.ts'
import { smoothedRtt } from '../../src/peers/link.ts'
import { PeerFailure } from '../../src/peers/peers.ts'
import { type LinksWorld, linksWorld, must, type Node, until } from './links-world.ts'

const MIB = 1024 * 1024

/** The failure of a promise that must fail. */
async function failure(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('it did not fail')
}

async function peerFailure(promise: Promise<unknown>): Promise<PeerFailure> {
  const error = await failure(promise)
  if (!(error instanceof PeerFailure)) throw error
  return error
}

async function connected(world: LinksWorld, ...regions: string[]): Promise<void> {
  for (const from of regions) {
    for (const to of regions) {
      if (from === to) continue
      await world.node(from).links.whenReachable(to, { timeoutMs: 5_000 })
      await until(() => world.node(from).opened.has(to) && world.node(to).accepted.has(from))
    }
  }
}

const never = (): Promise<never> => new Promise(() => {})
const texts = (node: Node): string => JSON.stringify(node.log)

test('a call takes one round trip, and the round trip is known', async () => {
  const world = await linksWorld(['eu', 'us'], { oneWayDelayMs: 40 })
  const { links } = world.node('eu')
  await connected(world, 'eu', 'us')
  const body = { key: 'k', bytes: Uint8Array.of(1, 2, 3), nested: [null, true, 1.5] }
  await until(() => links.rttMs('us') !== undefined)
  const startMs = performance.now()
  assert.equal(await links.call('us', 'echo', body), body)
  const tookMs = performance.now() - startMs
  assert.ok(tookMs >= 78 && tookMs < 160, `${tookMs} ms`)
  const rttMs = must(links.rttMs('us'))
  assert.ok(rttMs >= 78 && rttMs < 160, `${rttMs} ms`)
  const [status] = links.statuses()
  assert.is(status?.reachable, true)
  assert.is(status?.streaming, true)
  await world.close()
})

test('small calls pass an 8 MiB body, in either direction', async () => {
  const world = await linksWorld(['eu', 'us'], { oneWayDelayMs: 10 })
  await connected(world, 'eu', 'us')
  world.node('us').handlers.onCall = async (_from, name, body) =>
    name === 'fetch' ? new Uint8Array(8 * MIB).fill(7) : body
  const { links } = world.node('eu')
  for (const name of ['store', 'fetch']) {
    const order: string[] = []
    const body = new Uint8Array(name === 'store' ? 8 * MIB : 8).fill(7)
    const big = links.call('us', name, body, { timeoutMs: 10_000 }).then(reply => {
      order.push('big')
      return reply
    })
    const small = Array.from({ length: 20 }, async (_, i) => {
      assert.is(await links.call('us', 'echo', i), i)
      order.push('small')
    })
    await Promise.all(small)
    assert.not.ok(order.includes('big'), `${name}: small calls come first`)
    assert.equal(await big, new Uint8Array(8 * MIB).fill(7))
  }
  await world.close()
})

test('a killed peer: sent is true for what was in flight, false for what came after', async () => {
  const world = await linksWorld(['eu', 'us'])
  await connected(world, 'eu', 'us')
  const { links } = world.node('eu')
  let calls = 0
  world.node('us').handlers.onCall = () => {
    calls += 1
    return never()
  }
  const inFlight = peerFailure(links.call('us', 'write', 1))
  await until(() => calls === 1)
  await world.node('us').kill()
  assert.is((await inFlight).sent, true)
  assert.not.ok(links.reachable('us'))
  assert.is((await peerFailure(links.call('us', 'write', 2))).sent, false)
  assert.is(calls, 1)
  assert.type(links.statuses()[0]?.lastFailure, 'string')
  await world.close()
})

test('what waited behind other calls when the cable dropped was not sent, and says so', async () => {
  const world = await linksWorld(['eu', 'us'])
  await connected(world, 'eu', 'us')
  const bodies: unknown[] = []
  world.node('us').handlers.onCall = (_from, _name, body) => {
    bodies.push(body)
    return never()
  }
  const { links } = world.node('eu')
  world.cut('eu', 'us')
  const body = new Uint8Array(6 * MIB)
  const calls = Array.from({ length: 12 }, () =>
    peerFailure(links.call('us', 'write', body, { timeoutMs: 10_000 })),
  )
  const failures = await Promise.all(calls)
  assert.is(failures.filter(({ reason }) => /too many bytes/.test(reason)).length, 2)
  const lost = failures.filter(({ reason }) => /silent/.test(reason))
  assert.is(lost.length, 10)
  const unsent = lost.filter(({ sent }) => !sent).length
  assert.ok(unsent >= 10 - limits.interleavedMessagesMax && unsent < 10, `${unsent} unsent`)
  assert.is(bodies.length, 0)
  await world.close()
})

test('a cut is noticed within 1.5 s on both sides; healed, they find each other', async () => {
  const world = await linksWorld(['eu', 'us', 'ap'], { oneWayDelayMs: 20 })
  await connected(world, 'eu', 'us', 'ap')
  const [eu, us] = [world.node('eu'), world.node('us')]
  us.handlers.onCall = (_from, name, body) => (name === 'wait' ? never() : Promise.resolve(body))
  const inFlight = peerFailure(eu.links.call('us', 'wait', 1, { timeoutMs: 60_000 }))
  const streamEnds: string[] = []
  must(eu.opened.get('us')?.at(-1)).onClose(reason => streamEnds.push(reason))
  must(us.accepted.get('eu')?.at(-1)).onClose(reason => streamEnds.push(reason))
  await eu.links.call('us', 'echo', 1)
  const startMs = performance.now()
  world.cut('eu', 'us')
  await until(() => !eu.links.reachable('us') && !us.links.reachable('eu'))
  await until(() => streamEnds.length === 2)
  const tookMs = performance.now() - startMs
  assert.ok(tookMs < 1_500, `${tookMs} ms`)
  assert.is((await inFlight).sent, true)
  assert.is((await peerFailure(eu.links.call('us', 'echo', 1))).sent, false)
  // A partial partition: the others see nothing of it.
  assert.is(await eu.links.call('ap', 'echo', 5), 5)
  assert.is(await us.links.call('ap', 'echo', 6), 6)
  assert.type(eu.links.rttMs('us'), 'number')
  const reachable = eu.links.whenReachable('us', { timeoutMs: 10_000 })
  world.heal('eu', 'us')
  await reachable
  assert.is(await eu.links.call('us', 'echo', 7), 7)
  await until(() => eu.opened.get('us')?.length === 2 && us.accepted.get('eu')?.length === 2)
  await world.close()
})

test('another cluster is refused, and both sides log why', async () => {
  const identify = (identity: Node['identity']): void => {
    if (identity.region === 'us') identity.clusterId = 'other'
  }
  const world = await linksWorld(['eu', 'us'], { identify })
  const reason = /cluster (other|test) meets cluster (test|other)/
  await until(() => reason.test(texts(world.node('eu'))) && reason.test(texts(world.node('us'))))
  await until(() => reason.test(world.node('eu').links.statuses()[0]?.lastFailure ?? ''))
  const error = await peerFailure(world.node('eu').links.call('us', 'echo', 1))
  assert.is(error.sent, false)
  assert.match(error.reason, reason)
  assert.is(world.node('eu').accepted.size, 0)
  assert.is(world.node('us').opened.size, 0)
  const waiting = world.node('eu').links.whenReachable('us', { timeoutMs: 20 })
  assert.match((await peerFailure(waiting)).reason, reason)
  await world.close()
})

test('a node without a cluster yet is let in', async () => {
  const identify = (identity: Node['identity']): void => {
    if (identity.region === 'us') identity.clusterId = null
  }
  const world = await linksWorld(['eu', 'us'], { identify })
  await connected(world, 'eu', 'us')
  await world.close()
})

test('a region that is no peer, or our own, is refused', async () => {
  for (const claimed of ['ap', 'eu']) {
    const identify = (identity: Node['identity']): void => {
      if (identity.region === 'us') identity.region = claimed
    }
    const world = await linksWorld(claimed === 'eu' ? ['eu', 'us', 'jp'] : ['eu', 'us'], {
      identify,
    })
    const reason = new RegExp(`region ${claimed} is not expected here`)
    await until(() => reason.test(texts(world.node('eu'))))
    assert.not.ok(world.node('eu').links.reachable('us'))
    assert.not.ok(world.node('eu').accepted.has(claimed))
    await world.close()
  }
})

test('the errors of a handler cross; texts that are not ours stay where they are', async () => {
  const world = await linksWorld(['eu', 'us'])
  await connected(world, 'eu', 'us')
  const { links } = world.node('eu')
  const thrown = new DenizenError('version_mismatch', 'the version is another', {
    applied: 'no',
    extra: { version: '1.2', regions: ['eu', 'us'] },
  })
  world.node('us').handlers.onCall = async (_from, name) => {
    if (name === 'typed') throw thrown
    if (name === 'unencodable') return new Map()
    throw new TypeError('secret-key is not a function')
  }
  const typed = await failure(links.call('us', 'typed', 1))
  assert.instance(typed, DenizenError)
  assert.equal((typed as DenizenError).toWire(), thrown.toWire())
  for (const name of ['unexpected', 'unencodable']) {
    const error = await failure(links.call('us', name, 1))
    assert.instance(error, DenizenError)
    assert.is((error as DenizenError).code, 'internal')
    assert.not.match((error as DenizenError).message, 'secret')
    const line = world.node('us').log.find(({ fields }) => fields.call === name)
    assert.is(line?.level, 'error')
  }
  assert.not.match(texts(world.node('us')), 'secret')
  world.node('us').handlers.onCall = async (_from, _name, body) => body
  assert.is(await links.call('us', 'echo', 1), 1)
  await world.close()
})

test('a call that is not answered ends after its timeout, as sent', async () => {
  const world = await linksWorld(['eu', 'us'])
  await connected(world, 'eu', 'us')
  world.node('us').handlers.onCall = never
  const { links } = world.node('eu')
  const startMs = performance.now()
  const error = await peerFailure(links.call('us', 'wait', 1, { timeoutMs: 100 }))
  assert.is(error.sent, true)
  assert.ok(performance.now() - startMs < 400)
  assert.ok(links.reachable('us'))
  assert.is(links.statuses()[0]?.callsInFlight, 0)
  await world.close()
})

test('calls in flight are bounded: one more is refused unsent', async () => {
  const world = await linksWorld(['eu', 'us'])
  await connected(world, 'eu', 'us')
  let release = (): void => {}
  const gate = new Promise<void>(resolve => {
    release = resolve
  })
  let calls = 0
  world.node('us').handlers.onCall = async () => {
    calls += 1
    await gate
    return calls
  }
  const { links } = world.node('eu')
  const options = { timeoutMs: 20_000 }
  const all = Array.from({ length: limits.callsInFlightMax }, () =>
    links.call('us', 'wait', 1, options),
  )
  const error = await peerFailure(links.call('us', 'wait', 1, options))
  assert.is(error.sent, false)
  await until(() => calls === limits.callsInFlightMax)
  release()
  await Promise.all(all)
  assert.is(calls, limits.callsInFlightMax)
  await world.close()
})

test('a body beyond the bound is refused before it is sent', async () => {
  const world = await linksWorld(['eu', 'us'])
  await connected(world, 'eu', 'us')
  const body = new Uint8Array(limits.messageBytesMax)
  const error = await failure(world.node('eu').links.call('us', 'echo', body))
  assert.is((error as DenizenError).code, 'too_large')
  assert.is((await peerFailure(world.node('eu').links.call('jp', 'echo', 1))).sent, false)
  await world.close()
})

test('streams carry messages both ways, in order within a lane', async () => {
  const world = await linksWorld(['eu', 'us'])
  await connected(world, 'eu', 'us')
  const ours = must(world.node('eu').opened.get('us')?.at(-1))
  const theirs = must(world.node('us').accepted.get('eu')?.at(-1))
  assert.is(ours.region, 'us')
  assert.is(theirs.region, 'eu')
  const received: string[] = []
  theirs.onMessage(message => {
    const { lane, n } = message as { lane: string; n: number }
    received.push(`${lane}${n}`)
    theirs.send({ got: n })
  })
  let answers = 0
  ours.onMessage(() => answers++)
  const drained = new Promise<void>(resolve => ours.onDrained(resolve))
  for (let n = 0; n < 6; n++) {
    ours.send({ lane: 'a', n, value: new Uint8Array(n === 0 ? 4 * MIB : 1) }, { lane: 'a' })
    ours.send({ lane: 'b', n }, { lane: 'b' })
  }
  assert.ok(ours.bufferedBytes() > 3 * MIB)
  await drained
  assert.is(ours.bufferedBytes(), 0)
  await until(() => answers === 12)
  assert.equal(
    received.filter(text => text.startsWith('a')),
    ['a0', 'a1', 'a2', 'a3', 'a4', 'a5'],
  )
  assert.equal(received.slice(0, 6), ['b0', 'b1', 'b2', 'b3', 'b4', 'b5'])
  await world.close()
})

test('a stream that its owner closes is opened anew; one that overflows is closed', async () => {
  const world = await linksWorld(['eu', 'us'])
  await connected(world, 'eu', 'us')
  const eu = world.node('eu')
  const first = must(eu.opened.get('us')?.at(-1))
  let closed = 0
  first.onClose(() => closed++)
  first.close()
  assert.is(closed, 1)
  first.send('to nobody')
  await until(() => eu.opened.get('us')?.length === 2)
  const second = must(eu.opened.get('us')?.at(-1))
  second.onClose(() => closed++)
  for (let i = 0; i < 4; i++) second.send(new Uint8Array(20 * MIB))
  assert.is(closed, 2)
  assert.match(texts(eu), /overflowed/)
  await until(() => eu.opened.get('us')?.length === 3)
  await world.close()
})

test('the state of a peer is heard at once and when it changes', async () => {
  const world = await linksWorld(['eu', 'us'])
  const heard: string[] = []
  world.node('us').handlers.onPeerState = (region, state) =>
    heard.push(`${region} ${state.keeperEpoch}.${state.revision}`)
  await connected(world, 'eu', 'us')
  await until(() => heard.includes('eu 1.1'))
  world.node('eu').identity.revision = 2
  await until(() => heard.includes('eu 1.2'))
  await world.close()
})

test('strangers get nothing and disturb nobody', async () => {
  const world = await linksWorld(['eu', 'us'])
  await connected(world, 'eu', 'us')
  const port = Number(world.node('eu').links.address.split(':')[1])
  const garbage = [
    'GET / HTTP/1.1\r\n\r\n',
    '\0\0\0\x05\x05\0\0\0\x01',
    '\0\0\0\x09\x01\0\0\0\0abcd',
  ]
  for (const text of garbage) {
    const socket = connect({ host: '127.0.0.1', port })
    socket.on('error', () => {})
    socket.resume()
    socket.write(text)
    await new Promise(resolve => socket.once('close', resolve))
  }
  // One that says nothing is shown out.
  const silent = connect({ host: '127.0.0.1', port })
  silent.on('error', () => {})
  silent.resume()
  await new Promise(resolve => silent.once('close', resolve))
  assert.is(await world.node('eu').links.call('us', 'echo', 1), 1)
  assert.ok(world.node('eu').links.reachable('us') && world.node('us').links.reachable('eu'))
  await world.close()
})

test('pauses between attempts grow, within their bounds', () => {
  for (let failures = 0; failures < 2_000; failures++) {
    const [shortMs, longMs] = [reconnectDelayMs(failures, 0), reconnectDelayMs(failures, 0.999)]
    assert.ok(shortMs >= timing.reconnectMinMs / 2 && longMs <= timing.reconnectMaxMs)
  }
  assert.ok(reconnectDelayMs(3, 0) > reconnectDelayMs(0, 0.999))
})

test('the round trip is smoothed', () => {
  assert.is(smoothedRtt(undefined, 80), 80)
  assert.is(smoothedRtt(80, 160), 90)
})

test.run()
