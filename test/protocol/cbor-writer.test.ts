import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { DenizenError } from '../../src/model/errors.ts'
import { decodeCbor, encodeCbor } from '../../src/protocol/cbor.ts'
import { CborWriter, writeCbor } from '../../src/protocol/cbor-writer.ts'
import { EncodedCbor } from '../../src/protocol/encoded-cbor.ts'

const values: readonly unknown[] = [
  ...[0, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1, -1, -24, -(2 ** 40)],
  ...[1.5, -0, Number.NaN, Number.POSITIVE_INFINITY, 2n ** 63n, true, false, null],
  ...[
    '',
    'a',
    'a'.repeat(23),
    'a'.repeat(24),
    'a'.repeat(64),
    'a'.repeat(65),
    'é',
    'x'.repeat(300),
  ],
  ...['\u{1f600}'.repeat(40), '\ufeffmark', `${'a'.repeat(30)}é`],
  new Uint8Array(0),
  new Uint8Array(300).fill(7),
  new Date(1_700_000_000_123),
  [],
  {},
  Object.create(null),
  { a: undefined, b: null, c: [undefined] },
  { results: Array.from({ length: 300 }, (_, i) => ({ status: 201, etag: `"0.${i}"`, é: i })) },
]

test('the bytes are those of encodeCbor', () => {
  values.forEach((value, index) => {
    assert.is(writeCbor(value).toHex(), encodeCbor(value).toHex(), `value ${index}`)
  })
})

test('what is encoded already stays as it is', () => {
  const odd = Uint8Array.fromHex('9f1b0000000000000001ff')
  const written = writeCbor({
    status: 200,
    value: new EncodedCbor(odd),
    list: [new EncodedCbor(odd)],
  })
  assert.ok(written.toHex().includes(odd.toHex()))
  assert.equal(decodeCbor(written), { status: 200, value: [1], list: [[1]] })
})

test('a quoted pair is the text of its numbers', () => {
  const ends = Array.from({ length: 16 }, (_, n) => [10 ** n - 1, 10 ** n]).flat()
  const numbers = [...ends, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 52 + 12_345, 2 ** 53 - 1]
  for (const a of numbers) {
    for (const b of numbers) {
      const writer = new CborWriter(0)
      writer.quotedPair(a, b)
      assert.is(writer.take().toHex(), encodeCbor(`"${a}.${b}"`).toHex())
    }
  }
})

test('what encodeCbor refuses is refused', () => {
  for (const value of ['\ud800', { a: '\ud800' }, { '\ud800': 1 }, 2n ** 64n]) {
    assert.throws(
      () => writeCbor(value),
      (error: unknown) => error instanceof DenizenError && error.code === 'bad_body',
    )
  }
  assert.throws(() => writeCbor({ a: () => 1 }), /CBOR has no function/)
  assert.throws(() => writeCbor(JSON.parse('{"__proto__":1}')), /__proto__/)
  const circle: unknown[] = []
  circle.push(circle)
  assert.throws(() => writeCbor(circle), /nested too deep/)
})

test.run()
