/**
 * The strict decoder: it refuses with `bad_body`, or what it takes survives being written and read
 * again; our own writer and the splitter of sequences agree with it.
 */
import { DenizenError } from '../../../src/model/errors.ts'
import { decodeCbor, encodeCbor, isWellFormedCbor } from '../../../src/protocol/cbor.ts'
import { writeCbor } from '../../../src/protocol/cbor-writer.ts'
import { SequenceSplitter } from '../../../src/protocol/sequence.ts'
import { randomItem, rawCbor } from '../items.ts'
import { mutate } from '../mutate.ts'
import { type FuzzTarget, rule } from '../target.ts'

/** Tags, lengths beyond the input, indefinite lengths, breaks, floats. */
const words = [
  ...['c2', 'c3', 'c0', 'c1', 'd81b', 'd9d9f7', '9f', 'bf', 'ff', '5f', '7f', 'f7', 'f818'],
  ...['1bffffffffffffffff', '3bffffffffffffffff', '5affffffff', '9bffffffffffffffff', 'f97e00'],
  ...['695f5f70726f746f5f5f', '6161', '62c328', '63eda080', '63efbbbf'],
].map(hex => Uint8Array.fromHex(hex))

export const open = (): FuzzTarget => ({
  generate(random) {
    const valid = random.oneIn(2) ? rawCbor(random) : encodeCbor(randomItem(random))
    return random.oneIn(3) ? valid : mutate(random, valid, words)
  },
  check(input) {
    const item = decoded(input)
    rule(isWellFormedCbor(input) === (item !== undefined), 'both checks agree')
    if (item === undefined) return
    const bytes = encoded(item.value)
    if (!bytes) return
    rule(same(encodeCbor(decodeCbor(bytes)), bytes), 'what was written reads the same')
    rule(same(writeCbor(item.value), bytes), 'both writers write the same')
    const splitter = new SequenceSplitter('cbor', input.length + 1)
    const items = [...splitter.push(input)]
    rule(splitter.end() === undefined && items.length === 1, 'the splitter sees one item')
  },
})

function decoded(input: Uint8Array): { readonly value: unknown } | undefined {
  try {
    return { value: decodeCbor(input) }
  } catch (error) {
    if (error instanceof DenizenError && error.code === 'bad_body') return undefined
    throw error
  }
}

/** Dates of odd tags may be out of the range that can be written. */
function encoded(value: unknown): Uint8Array | undefined {
  try {
    return encodeCbor(value)
  } catch (error) {
    if (error instanceof DenizenError && error.code === 'bad_body') return undefined
    throw error
  }
}

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0
