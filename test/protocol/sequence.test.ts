import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { concatBytes, fromUtf8, utf8 } from '../../src/model/bytes.ts'
import { DenizenError } from '../../src/model/errors.ts'
import { limits } from '../../src/model/limits.ts'
import { decodeCbor, encodeCbor } from '../../src/protocol/cbor.ts'
import { SequenceSplitter } from '../../src/protocol/sequence.ts'

/** All items of a stream that comes in such pieces. */
function splitAll(format: 'cbor' | 'json', pieces: readonly Uint8Array[]): Uint8Array[] {
  const splitter = new SequenceSplitter(format, 1_000_000)
  const items = pieces.flatMap(piece => [...splitter.push(piece)].map(item => item.slice()))
  const last = splitter.end()
  return last ? [...items, last] : items
}

function codeOf(task: () => unknown): string {
  try {
    task()
    return 'none'
  } catch (error) {
    if (error instanceof DenizenError) return error.code
    throw error
  }
}

const hex = (text: string): Uint8Array => Uint8Array.fromHex(text.replaceAll(' ', ''))

/** Heads of all sizes, empty and nested containers, indefinite lengths, tags, floats. */
const items: readonly Uint8Array[] = [
  ...[0, 23, 24, 255, 256, 65_536, 2 ** 40, -1, -300, 1.5, true, null, ''].map(encodeCbor),
  ...['é'.repeat(200), new Uint8Array(70_000).fill(0xff), [], {}].map(encodeCbor),
  encodeCbor({ op: 'put', key: 'a/b', value: { deep: [[[{ x: [] }]], 1, new Date(5)] } }),
  hex('9f 01 9f ff bf 61 61 01 ff ff'),
  hex('bf 61 61 9f 00 ff 61 62 a0 ff'),
  hex('d9d9f7 a1 61 61 c1 1a 00000001'),
  hex('f9 3c00'),
]
const sequence = concatBytes(...items)

test('CBOR items come out as they went in, however the stream is cut', () => {
  for (const size of [1, 2, 3, 7, 64, 1_000, 65_536, sequence.length]) {
    const pieces: Uint8Array[] = []
    for (let at = 0; at < sequence.length; at += size) pieces.push(sequence.slice(at, at + size))
    assert.equal(splitAll('cbor', pieces), items, `pieces of ${size}`)
  }
})

test('what decodeCbor takes is one item', () => {
  for (const item of items) decodeCbor(item)
})

test('items of one piece are views of it, and no Buffers', () => {
  const [first, second] = [encodeCbor('a'), encodeCbor(['b'])]
  const found = [...new SequenceSplitter('cbor', 100).push(Buffer.from(concatBytes(first, second)))]
  assert.equal(
    found.map(item => item.toHex()),
    [first.toHex(), second.toHex()],
  )
  assert.ok(found.every(item => !Buffer.isBuffer(item)))
})

test('a CBOR sequence that ends inside an item is refused, an empty one is not', () => {
  assert.equal(splitAll('cbor', []), [])
  const whole = encodeCbor({ a: [1, 'text'] })
  for (let length = 1; length < whole.length; length++) {
    assert.is(
      codeOf(() => splitAll('cbor', [whole.slice(0, length)])),
      'bad_body',
      `cut after ${length}`,
    )
  }
})

test('malformed heads are refused after the items before them', () => {
  for (const bad of ['ff', '1c', '5f 41 00 ff', '7f ff', '81 ff', '1f', '3f', 'df']) {
    const splitter = new SequenceSplitter('cbor', 1_000)
    const found: Uint8Array[] = []
    const code = codeOf(() => {
      for (const item of splitter.push(concatBytes(encodeCbor(1), hex(bad)))) found.push(item)
    })
    assert.is(code, 'bad_body', bad)
    assert.is(found.length, 1, bad)
  }
  const deep = new Uint8Array(limits.cborDepthMax + 3).fill(0x81)
  assert.is(
    codeOf(() => splitAll('cbor', [deep])),
    'bad_body',
  )
})

test('lines: the last one needs no end', () => {
  const lines = ['{"a":1}', '', '"é"', '[2]']
  const text = utf8(lines.join('\n'))
  for (const size of [1, 3, text.length]) {
    const pieces: Uint8Array[] = []
    for (let at = 0; at < text.length; at += size) pieces.push(text.slice(at, at + size))
    assert.equal(
      splitAll('json', pieces).map(line => fromUtf8(line).trimEnd()),
      lines,
    )
  }
  assert.equal(splitAll('json', [utf8('1\n')]).length, 1)
})

test('an item beyond the limit is refused before it is whole', () => {
  for (const format of ['json', 'cbor'] as const) {
    const splitter = new SequenceSplitter(format, 1_000)
    const piece = new Uint8Array(400).fill(0x61)
    const begin = format === 'json' ? utf8('"') : hex('5a 10000000')
    const code = codeOf(() => {
      for (const part of [begin, piece, piece, piece]) [...splitter.push(part)].length
    })
    assert.is(code, 'too_large', format)
  }
})

test.run()
