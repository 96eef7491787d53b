/** The splitters of streams: how the bytes came in pieces changes nothing, and nothing is lost. */
import { concatBytes, utf8 } from '../../../src/model/bytes.ts'
import { DenizenError } from '../../../src/model/errors.ts'
import { SequenceSplitter } from '../../../src/protocol/sequence.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { randomItem, rawCbor } from '../items.ts'
import { mutate } from '../mutate.ts'
import { type FuzzTarget, rule } from '../target.ts'

const ITEM_BYTES_MAX = 500
const words = ['0a', '0d0a', '9f', 'bf', 'ff', '5f', '5affffffff', '9b0020000000000000', 'c2'].map(
  hex => Uint8Array.fromHex(hex),
)

/** The first byte of a case says in which form the rest is, and how it is cut. */
export const open = (): FuzzTarget => ({
  generate(random) {
    const isCbor = random.oneIn(2)
    const items = Array.from({ length: random.below(6) }, () =>
      isCbor ? rawCbor(random, 4) : utf8(`${JSON.stringify(randomItem(random))}\n`),
    )
    const sequence = concatBytes(...items)
    const cut = Uint8Array.of((random.below(128) << 1) | (isCbor ? 1 : 0))
    return concatBytes(cut, random.oneIn(3) ? sequence : mutate(random, sequence, words))
  },
  check(input) {
    const [first = 0] = input
    const format = first % 2 === 1 ? 'cbor' : 'json'
    const bytes = input.subarray(1)
    const whole = split(format, [bytes])
    const pieces = split(format, cut(bytes, first))
    // What is malformed and too long is the one or the other, whichever shows first.
    rule((whole.end === '') === (pieces.end === ''), 'both ways take it or neither does')
    rule(Buffer.compare(whole.items, pieces.items) === 0, 'the items are the same')
    if (whole.end === '') rule(Buffer.compare(whole.bytes, bytes) === 0, 'nothing is lost')
  },
})

interface Split {
  /** Lengths and bytes of the items, one after the other. */
  readonly items: Uint8Array
  readonly bytes: Uint8Array
  /** Empty, or the error's code. */
  readonly end: string
}

function split(format: 'cbor' | 'json', pieces: readonly Uint8Array[]): Split {
  const splitter = new SequenceSplitter(format, ITEM_BYTES_MAX)
  const found: Uint8Array[] = []
  const result = (end: string): Split => ({
    items: concatBytes(...found.flatMap(item => [utf8(`${item.length} `), item])),
    bytes: concatBytes(...found),
    end,
  })
  try {
    for (const piece of pieces) for (const item of splitter.push(piece)) found.push(item.slice())
    const last = splitter.end()
    if (last) found.push(last)
    return result('')
  } catch (error) {
    if (error instanceof DenizenError) return result(error.code)
    throw error
  }
}

function cut(bytes: Uint8Array, seed: number): readonly Uint8Array[] {
  const random = seededRandom(seed)
  const pieces: Uint8Array[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + random.below(random.oneIn(3) ? 100 : 3)
    pieces.push(bytes.subarray(at, end))
    at = end
  }
  return pieces
}
