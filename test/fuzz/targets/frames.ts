/** What a stranger, or a peer gone mad, sends between nodes: frames, hellos, pings, calls. */
import { concatBytes } from '../../../src/model/bytes.ts'
import { limits } from '../../../src/model/limits.ts'
import { PeerAcceptor } from '../../../src/peers/acceptor.ts'
import { messageType } from '../../../src/peers/session.ts'
import { encodeCbor } from '../../../src/protocol/cbor.ts'
import { FrameDecoder, FrameEncoder, FrameError } from '../../../src/protocol/frames.ts'
import { encodeHello, encodeRefusal } from '../../../src/protocol/hello.ts'
import { silentLogger } from '../../../src/runtime/log.ts'
import type { Connection } from '../../../src/runtime/network.ts'
import { manualClock } from '../../support/manual-clock.ts'
import type { SeededRandom } from '../../support/seeded-random.ts'
import { randomItem } from '../items.ts'
import { mutate } from '../mutate.ts'
import { type FuzzTarget, rule } from '../target.ts'

const words = ['00000005', 'ffffffff', '85', '05', '01', '00040000', 'f6', 'a0', '80'].map(hex =>
  Uint8Array.fromHex(hex),
)
const state = { keeperEpoch: 1, revision: 1 }

export const open = (): FuzzTarget => ({
  generate(random) {
    const stream = conversation(random)
    return random.oneIn(4) ? stream : mutate(random, stream, words)
  },
  async check(input) {
    const whole = joined([input])
    const bytes = Array.from(input, (_, at) => input.subarray(at, at + 1))
    if (input.length < 2_000) rule(whole === joined(bytes), 'pieces change nothing')
    await listen(input)
  },
})

/** A hello, and then whatever peers say to each other. */
function conversation(random: SeededRandom): Uint8Array {
  const encoder = new FrameEncoder()
  const purpose = random.pick(['calls', 'feeds'] as const)
  const hello = { purpose, clusterId: 'c1', region: 'us-east', nodeId: 'n2', state }
  encoder.push({ type: messageType.hello, id: 0, payload: encodeHello(hello) }, 'greeting')
  for (let left = random.below(5); left > 0; left--) {
    const payload = random.pick([
      encodeCbor(['read', randomItem(random)]),
      encodeCbor(['read', randomItem(random), '00-trace']),
      encodeCbor(state),
      encodeCbor(randomItem(random)),
      encodeRefusal('no'),
    ])
    const type = random.oneIn(3) ? random.below(128) : random.pick(Object.values(messageType))
    encoder.push({ type, id: random.below(4), payload }, `${random.below(2)}`)
  }
  const frames: Uint8Array[] = []
  for (let frame = encoder.next(); frame; frame = encoder.next()) frames.push(frame)
  return concatBytes(...frames)
}

function joined(pieces: readonly Uint8Array[]): string {
  const decoder = new FrameDecoder({ ...limits, messageBytesMax: 64 * 1024 })
  let said = ''
  try {
    for (const piece of pieces) {
      decoder.push(piece, ({ type, id, payload }) => {
        said += `${type} ${id} ${payload.toHex()}\n`
      })
    }
    return said
  } catch (error) {
    if (error instanceof FrameError) return `${said}${error.message}`
    throw error
  }
}

/** A node that is spoken to: it may end the connection, and goes on. */
async function listen(input: Uint8Array): Promise<void> {
  const clock = manualClock()
  const identity = { clusterId: 'c1', region: 'eu-west', nodeId: 'n1', ...state }
  const context = { self: () => identity, clock, log: silentLogger }
  const acceptor = new PeerAcceptor(context, new Set(['us-east']), {
    onCall: async (_from, name, body) => [name, body],
    onStream: (_from, stream) => {
      stream.onMessage(() => {})
      stream.onClose(() => {})
    },
    onStreamOpen: () => {},
    onPeerState: () => {},
    onReachability: () => {},
  })
  let receive: (bytes: Uint8Array) => void = () => {}
  let sentBytes = 0
  const connection: Connection = {
    remote: 'memory',
    provenRegions: undefined,
    send: bytes => {
      sentBytes += bytes.length
    },
    bufferedBytes: () => 0,
    onDrain: () => {},
    onData: task => {
      receive = task
    },
    onClose: () => {},
    close: () => {},
    abort: () => {},
  }
  acceptor.accept(connection)
  receive(input)
  await new Promise(resolve => setImmediate(resolve))
  acceptor.stop()
  rule(sentBytes <= 4_096 + 8 * input.length, `${sentBytes} bytes answer ${input.length}`)
}
