/** The simulated network keeps what TCP promises, and no more. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Connection } from '../../src/runtime/network.ts'
import { SimulatedNetwork } from '../../src/simulation/network.ts'
import { SimulatedProcess } from '../../src/simulation/process.ts'
import { seededRandom } from '../../src/simulation/seeded-random.ts'
import { VirtualTime } from '../../src/simulation/virtual-time.ts'

const DELAY_MS = 20
/** A frame without a payload: u32 length, u8 type, u32 id. */
const frame = (id: number): Uint8Array => Uint8Array.of(0, 0, 0, 5, 3, 0, 0, 0, id)

async function connected(seed = 1) {
  const time = new VirtualTime()
  const random = seededRandom(seed)
  const network = new SimulatedNetwork({
    ...{ time, random, delayMs: () => DELAY_MS, onSend: () => {} },
  })
  const clock = { drift: 0, wallOffsetMs: 0 }
  const [dials, accepts] = [new SimulatedProcess(time, clock), new SimulatedProcess(time, clock)]
  const received: number[] = []
  const closed: string[] = []
  let other: Connection | undefined
  await network.of('b', accepts).listen('b:1', {
    onConnection: connection => {
      other = connection
      connection.onData(bytes => received.push(bytes[8] ?? 0))
      connection.onClose(reason => closed.push(`b: ${reason}`))
    },
    onRefused: () => {},
  })
  const connecting = network.of('a', dials).connect('b:1', { timeoutMs: 1_000 })
  await time.run(100)
  const here = await connecting
  here.onClose(reason => closed.push(`a: ${reason}`))
  assert.ok(other)
  return { time, network, random, here, other, received, closed, dials, accepts }
}

test('bytes come in order, after the way, however slow and lossy it is', async () => {
  const { time, network, here, received } = await connected()
  network.route('a', 'b').loss = 0.4
  network.route('a', 'b').slowMs = 300
  for (let id = 1; id <= 50; id++) time.after(id, () => here.send(frame(id)))
  await time.run(time.nowMs + 300)
  assert.equal(received, [])
  await time.run(time.nowMs + 20_000)
  assert.equal(
    received,
    Array.from({ length: 50 }, (_, n) => n + 1),
  )
})

test('a cut holds what is under way, one way only, and lets it through once healed', async () => {
  const { time, network, here, received, closed } = await connected()
  network.route('a', 'b').cut()
  here.send(frame(1))
  await time.run(time.nowMs + 5_000)
  assert.equal(received, [])
  here.send(frame(2))
  network.route('a', 'b').heal()
  await time.run(time.nowMs + 100)
  assert.equal(received, [1, 2])
  assert.equal(closed, [])
  const { ping } = network.fates.counts()
  assert.is(ping?.['held by a cut'], 1)
})

test('a process that is killed resets its connections; one whose machine is off does not', async () => {
  const killed = await connected()
  killed.accepts.die()
  killed.network.processDied(killed.accepts, { resets: true })
  await killed.time.run(killed.time.nowMs + 100)
  assert.equal(killed.closed, ['a: ECONNRESET'])

  const off = await connected()
  off.accepts.die()
  off.network.power('b', false)
  off.network.processDied(off.accepts, { resets: false })
  off.here.send(frame(1))
  await off.time.run(off.time.nowMs + 5_000)
  assert.equal(off.closed, [])
  off.network.power('b', true)
  off.here.send(frame(2))
  await off.time.run(off.time.nowMs + 100)
  assert.equal(off.closed, ['a: ECONNRESET'])
  assert.equal(off.received, [])
})

test('what is closed hears nothing more, and the other end hears of it behind what was sent', async () => {
  const { time, here, received, closed } = await connected()
  here.send(frame(1))
  here.close()
  here.send(frame(2))
  await time.run(time.nowMs + 100)
  assert.equal(received, [1])
  assert.equal(closed, ['a: closed by this end', 'b: ECONNRESET'])
})

test('a middlebox resets both ends, and what is under way is lost', async () => {
  const { time, network, random, here, received, closed } = await connected()
  here.send(frame(1))
  network.resetOne(random)
  await time.run(time.nowMs + 100)
  assert.equal(received, [])
  assert.equal(closed.sort(), ['a: ECONNRESET', 'b: ECONNRESET'])
  assert.is(network.fates.counts().ping?.lost, 1)
})

test('nobody listens: refused at once; a cut or no power: only after the time', async () => {
  const { time, network, dials } = await connected()
  const failures: string[] = []
  const dial = (to: string): void => {
    const startMs = time.nowMs
    network
      .of('a', dials)
      .connect(`${to}:1`, { timeoutMs: 1_000 })
      .catch((error: Error) =>
        failures.push(`${to} ${error.message} ${Math.round((time.nowMs - startMs) / 100)}`),
      )
  }
  dial('c')
  network.power('d', false)
  dial('d')
  network.route('a', 'b').cut()
  dial('b')
  await time.run(time.nowMs + 3_000)
  assert.equal(failures.sort(), ['b ETIMEDOUT 10', 'c ECONNREFUSED 0', 'd ETIMEDOUT 10'])
})

test.run()
