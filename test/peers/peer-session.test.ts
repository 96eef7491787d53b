import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { timing } from '../../src/model/limits.ts'
import { PeerSession, type SessionContext } from '../../src/peers/session.ts'
import type { Clock } from '../../src/runtime/clock.ts'
import { silentLogger } from '../../src/runtime/log.ts'
import type { Connection } from '../../src/runtime/network.ts'

/** Time that passes when the test says so; `jump` passes it without running timers on the way. */
class ManualClock implements Clock {
  #nowMs = 0
  readonly #timers = new Set<{ atMs: number; task: () => void }>()

  monotonicMs(): number {
    return this.#nowMs
  }
  wallMs(): number {
    return this.#nowMs
  }
  after(delayMs: number, task: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, task }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }
  advance(byMs: number): void {
    const endMs = this.#nowMs + byMs
    for (let timer = this.#next(endMs); timer; timer = this.#next(endMs)) {
      this.#nowMs = Math.max(this.#nowMs, timer.atMs)
      this.#timers.delete(timer)
      timer.task()
    }
    this.#nowMs = endMs
  }
  jump(byMs: number): void {
    this.#nowMs += byMs
    this.advance(0)
  }
  #next(endMs: number): { atMs: number; task: () => void } | undefined {
    return [...this.#timers].filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs)[0]
  }
}

interface Cable {
  works: boolean
  readonly after: (arrive: () => void) => void
}

/** One end of a connection in memory. `cable` decides whether what is sent arrives. */
class MemoryConnection implements Connection {
  readonly remote = 'memory'
  readonly provenRegions = undefined
  readonly sent: Uint8Array[] = []
  readonly #cable: Cable
  other: MemoryConnection | undefined
  #onData: (bytes: Uint8Array) => void = () => {}

  constructor(cable: Cable) {
    this.#cable = cable
  }
  send(bytes: Uint8Array): void {
    this.sent.push(bytes)
    if (this.#cable.works) this.#cable.after(() => this.other?.deliver(bytes))
  }
  deliver(bytes: Uint8Array): void {
    this.#onData(bytes)
  }
  bufferedBytes(): number {
    return 0
  }
  onDrain(): void {}
  onData(task: (bytes: Uint8Array) => void): void {
    this.#onData = task
  }
  onClose(): void {}
  close(): void {}
  abort(): void {}
}

/** `delayMs`: one way; default: at once. */
function pair(delayMs?: number) {
  const clock = new ManualClock()
  const after: Cable['after'] = arrive =>
    delayMs === undefined ? queueMicrotask(arrive) : void clock.after(delayMs, arrive)
  const cable: Cable = { works: true, after }
  const [a, b] = [new MemoryConnection(cable), new MemoryConnection(cable)]
  a.other = b
  b.other = a
  const closed: string[] = []
  const roundTripsMs: number[] = []
  const session = (region: string, connection: Connection, other: string, dials: boolean) => {
    const self = { clusterId: 'c', region, nodeId: 'n', keeperEpoch: 0, revision: 0 }
    const context: SessionContext = { self: () => self, clock, log: silentLogger }
    const dialledFor = dials ? ('calls' as const) : undefined
    return new PeerSession(
      context,
      { connection, dialledFor, regions: new Set([other]) },
      {
        onOpen: () => {},
        onMessage: () => {},
        onDrained: () => {},
        onPeerState: () => {},
        onRoundTrip: roundTripMs => roundTripsMs.push(roundTripMs),
        onClosed: reason => closed.push(`${region}: ${reason}`),
      },
    )
  }
  const acceptor = session('us', b, 'eu', false)
  const dialler = session('eu', a, 'us', true)
  return { clock, cable, a, b, acceptor, dialler, closed, roundTripsMs }
}

/** Lets what is on the cable arrive. */
const settled = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

test('nothing but the hello is sent before the other hello has come', async () => {
  const { a, b, acceptor, dialler } = pair()
  assert.is(a.sent.length, 1)
  assert.is(b.sent.length, 0)
  assert.is(dialler.send({ type: 5, id: 1, payload: new Uint8Array() }, '1'), undefined)
  assert.is(acceptor.send({ type: 6, id: 1, payload: new Uint8Array() }, '1'), undefined)
  await settled()
  assert.ok(dialler.isOpen && acceptor.isOpen)
})

test('a session that hears nothing ends as soon as the bound is reached, not before', async () => {
  const { clock, cable, closed } = pair()
  await settled()
  for (let i = 0; i < 10; i++) {
    clock.advance(timing.pingIntervalMs)
    await settled()
  }
  assert.equal(closed, [])
  cable.works = false
  clock.advance(timing.peerSilenceMaxMs - 1)
  assert.equal(closed, [])
  clock.advance(1)
  assert.equal(closed, ['us: silent for 1200 ms', 'eu: silent for 1200 ms'])
})

test('a line whose round trip is longer than a peer may be silent carries a session', () => {
  const { clock, cable, closed, acceptor, dialler } = pair(timing.peerSilenceMaxMs / 2 + 50)
  clock.advance(20_000)
  assert.equal(closed, [])
  assert.ok(dialler.isOpen && acceptor.isOpen)
  cable.works = false
  clock.advance(2 * timing.peerSilenceMaxMs)
  assert.is(closed.length, 2)
})

test('who dials and falls silent after the hello is left', () => {
  const { clock, cable, closed, acceptor } = pair(timing.peerSilenceMaxMs / 2)
  cable.works = false
  clock.advance(timing.peerSilenceMaxMs / 2)
  assert.ok(acceptor.isOpen)
  clock.advance(timing.helloTimeoutMs)
  assert.ok(closed.includes('us: silent for 1500 ms'))
})

test('a stall of our own process is not taken for silence of the peer', async () => {
  const { clock, cable, closed } = pair()
  await settled()
  clock.jump(10_000)
  assert.equal(closed, [])
  await settled()
  clock.advance(timing.pingIntervalMs)
  await settled()
  assert.equal(closed, [])
  cable.works = false
  clock.jump(10_000)
  clock.advance(timing.pingIntervalMs)
  assert.is(closed.length, 2)
})

test('a peer that never says hello is left', async () => {
  const { clock, cable, closed, dialler } = pair()
  cable.works = false
  clock.advance(timing.helloTimeoutMs)
  assert.ok(closed.includes('eu: no hello in time'))
  assert.not.ok(dialler.isOpen)
})

test.run()
