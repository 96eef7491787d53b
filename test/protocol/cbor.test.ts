import { spawnSync } from 'node:child_process'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { AssertionError } from '../../src/model/assert.ts'
import { concatBytes } from '../../src/model/bytes.ts'
import { DenizenError } from '../../src/model/errors.ts'
import { limits } from '../../src/model/limits.ts'
import { decodeCbor, encodeCbor, isWellFormedCbor } from '../../src/protocol/cbor.ts'
import { ownMsOf } from '../support/own-time.ts'

const hex = (text: string): Uint8Array =>
  Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'))

const refuses = (bytes: Uint8Array, what: RegExp): void => {
  assert.throws(
    () => decodeCbor(bytes),
    (error: unknown) =>
      error instanceof DenizenError && error.code === 'bad_body' && what.test(error.message),
    `${Buffer.from(bytes.subarray(0, 16)).toString('hex')} should be refused: ${what}`,
  )
  assert.not.ok(isWellFormedCbor(bytes))
}

/** mulberry32: the same seed gives the same values. */
const seeded = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
}

const texts = [
  '',
  'a',
  'eu-west',
  'ключ',
  '東京',
  'né',
  '🌍'.repeat(20),
  'x'.repeat(300),
  'ß'.repeat(70_000),
]

function randomValue(random: () => number, depth: number): unknown {
  const pick = Math.floor(random() * (depth > 4 ? 9 : 12))
  const number = Math.floor((random() - 0.5) * 2 ** Math.floor(random() * 54))
  if (pick === 0) return null
  if (pick === 1) return random() < 0.5
  if (pick === 2) return number
  if (pick === 3) return random() * 1e9 - 5e8
  if (pick === 4) return texts[Math.floor(random() * (random() < 0.02 ? 9 : 8))]
  if (pick === 5) return new Uint8Array(Math.floor(random() * 300)).fill(number)
  if (pick === 6) return BigInt(Number.MAX_SAFE_INTEGER) * BigInt(2 + Math.floor(random() * 1000))
  if (pick === 7) return -BigInt(Number.MAX_SAFE_INTEGER) - BigInt(1 + Math.floor(random() * 1000))
  if (pick === 8) return new Date(Math.floor(random() * 4e12))
  const length = Math.floor(random() * (random() < 0.05 ? 300 : 6))
  const items = Array.from({ length }, () => randomValue(random, depth + 1))
  if (pick === 9) return items
  return Object.fromEntries(items.map((item, i) => [`${texts[i % 8]}${i}`, item]))
}

test('random values come back as they were', () => {
  const random = seeded(20_260_101)
  for (let i = 0; i < 2_000; i++) {
    const value = randomValue(random, 0)
    const bytes = encodeCbor(value)
    assert.equal(decodeCbor(bytes), value)
    assert.ok(isWellFormedCbor(bytes))
    // No proper prefix is an item, and neither is anything with a byte behind it.
    const cut = bytes.subarray(0, Math.floor(random() * bytes.length))
    assert.not.ok(isWellFormedCbor(cut))
    assert.not.ok(isWellFormedCbor(concatBytes(bytes, new Uint8Array(1))))
  }
})

test('random bytes never do anything but decode or fail with bad_body', () => {
  const random = seeded(99)
  for (let i = 0; i < 50_000; i++) {
    const bytes = Uint8Array.from({ length: Math.floor(random() * 24) }, () => random() * 256)
    let decoded = true
    try {
      decodeCbor(bytes)
    } catch (error) {
      assert.ok(error instanceof DenizenError && error.code === 'bad_body', String(error))
      decoded = false
    }
    assert.is(isWellFormedCbor(bytes), decoded)
  }
})

test('the examples of RFC 8949, appendix A', () => {
  const cases: readonly (readonly [string, unknown])[] = [
    ['00', 0],
    ['1864', 100],
    ['1b000000e8d4a51000', 1_000_000_000_000],
    ['1bffffffffffffffff', 18446744073709551615n],
    ['3bfffffffffffffffe', -18446744073709551615n],
    ['3b001ffffffffffffe', -9_007_199_254_740_991],
    ['3b001fffffffffffff', -9_007_199_254_740_992n],
    ['f93c00', 1],
    ['f97bff', 65504],
    ['f90001', 2 ** -24],
    ['f9fc00', -Infinity],
    ['fa47c35000', 100_000],
    ['fb3ff199999999999a', 1.1],
    ['c074323031332d30332d32315432303a30343a30305a', new Date('2013-03-21T20:04:00Z')],
    ['c1fb41d452d9ec200000', new Date(1_363_896_240_500)],
    ['45 0102030405', Uint8Array.of(1, 2, 3, 4, 5)],
    ['69 73747265616d696e67', 'streaming'],
    ['62 c3bc', 'ü'],
    ['64 f0908591', '\u{10151}'],
    ['9f018202039f0405ffff', [1, [2, 3], [4, 5]]],
    ['bf61610161629f0203ffff', { a: 1, b: [2, 3] }],
    ['bf 63 46756e f5 63 416d74 21 ff', { Fun: true, Amt: -2 }],
    ['a201020304', { 1: 2, 3: 4 }],
    ['d9d9f7 83010203', [1, 2, 3]],
    ['f7', undefined],
  ]
  for (const [bytes, value] of cases) assert.equal(decodeCbor(hex(bytes)), value, bytes)
  assert.ok(Number.isNaN(decodeCbor(hex('f97e00'))))
  assert.ok(Object.is(decodeCbor(hex('f98000')), -0))
  assert.ok(Object.is(decodeCbor(encodeCbor(-0)), 0))
})

test('integers are numbers wherever those are exact', () => {
  const safe = [2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 40, Number.MAX_SAFE_INTEGER]
  const all = [...safe, ...safe.map(value => -value), -(2 ** 32) - 1]
  for (const value of all) assert.is(decodeCbor(encodeCbor(value)), value)
  assert.equal(decodeCbor(encodeCbor(all)), all)
  assert.equal(decodeCbor(encodeCbor(all.map(BigInt))), all)
  const unsafe = 2n ** 53n
  const date = new Date('9999-12-31T23:59:59Z')
  const mixed = hex(
    '84 1b0000000100000001 1b0020000000000000 c11b0000003afff4417f 3b0000000100000000',
  )
  assert.equal(decodeCbor(mixed), [4_294_967_297, unsafe, date, -4_294_967_297])
  assert.equal(decodeCbor(encodeCbor([unsafe, 4_294_967_297, -unsafe, date])), [
    unsafe,
    4_294_967_297,
    -unsafe,
    date,
  ])
  assert.equal(decodeCbor(hex('a2 1b0000000100000001 01 1b0020000000000000 02')), {
    4294967297: 1,
    9007199254740992: 2,
  })
})

test('byte order marks are content', () => {
  for (const length of [1, 60, 62, 70, 300, 70_000]) {
    for (const unit of ['x', 'é', '東']) {
      const text = `\ufeff${unit.repeat(length)}`
      const value = [text, 'y', { [text]: 2n ** 60n, n: 2 ** 40 }, [text], Uint8Array.of(1)]
      assert.equal(decodeCbor(encodeCbor(value)), value)
    }
  }
})

test('integers are written in their shortest form', () => {
  const cases: readonly (readonly [number | bigint, string])[] = [
    [23, '17'],
    [24, '1818'],
    [256, '190100'],
    [65_536, '1a00010000'],
    [2 ** 32, '1b0000000100000000'],
    [Number.MAX_SAFE_INTEGER, '1b001fffffffffffff'],
    [-(2 ** 40), '3b000000ffffffffff'],
    [-(2 ** 32), '3affffffff'],
    [5n, '05'],
    [-5n, '24'],
    [2n ** 60n, '1b1000000000000000'],
  ]
  for (const [value, bytes] of cases) {
    assert.is(Buffer.from(encodeCbor(value)).toString('hex'), bytes)
  }
})

test('members that are undefined are not written', () => {
  assert.equal(encodeCbor({ a: 1, b: undefined, c: [undefined] }), hex('a2616101616381f7'))
})

test('what the encoder returns stays as it is', () => {
  const first = encodeCbor('first')
  encodeCbor('second, longer than the first')
  assert.is(decodeCbor(first), 'first')
  assert.is(first.buffer.byteLength, first.byteLength)
})

test('nothing is lost where the encoder outgrows its buffer', () => {
  for (const near of [8_192, 16_384, 65_536]) {
    for (let size = near - 40; size < near + 10; size++) {
      const value = [new Uint8Array(size), { ab: 'c' }, 2 ** 40, new Date(1), 'ü']
      assert.equal(decodeCbor(encodeCbor(value)), value)
    }
  }
})

test('an 80 kB bignum is refused at once', () => {
  const bytes = concatBytes(hex('c2 5a 00 01 38 80'), new Uint8Array(80_000).fill(0xff))
  assert.ok(ownMsOf(() => refuses(bytes, /byte 0: a tag/)) < 50)
})

test('refusals name the byte and the reason', () => {
  refuses(hex('c3 41 ff'), /byte 0: a tag/)
  refuses(hex('81 d8 1b 80'), /byte 1: a tag/)
  refuses(hex('a2 6161 01 6161 02'), /byte 4: .*same key twice/)
  refuses(hex('a2 01 01 6131 02'), /same key twice/)
  refuses(hex('bf 6161 01 6161 02 ff'), /same key twice/)
  refuses(concatBytes(hex('a1 69'), Buffer.from('__proto__'), hex('01')), /byte 1: .*__proto__/)
  refuses(hex('a1 4161 01'), /neither text nor an integer/)
  refuses(hex('62 c328'), /byte 0: a text is not UTF-8/)
  refuses(hex('63 eda080'), /not UTF-8/)
  refuses(concatBytes(hex('78 64 ff'), new Uint8Array(99)), /byte 0: a text is not UTF-8/)
  refuses(hex('81 7f 61 61 ff'), /byte 1: a string of indefinite length/)
  refuses(hex('5f 41 01 ff'), /a string of indefinite length/)
  refuses(hex('3bffffffffffffffff'), /an integer below/)
  refuses(hex('01 02'), /byte 1: bytes follow/)
  refuses(hex(''), /byte 0: the input ends/)
  refuses(hex('5a ffffffff'), /beyond the input/)
  refuses(hex('9b ffffffffffffffff'), /beyond the input/)
  refuses(hex('ba 00000002 0101'), /beyond the input/)
  refuses(hex('ff'), /a break outside/)
  refuses(hex('82 01 ff'), /a break outside/)
  refuses(hex('bf 01 ff'), /a break outside/)
  refuses(hex('1c'), /not allowed here/)
  refuses(hex('1f'), /not allowed here/)
  refuses(hex('e0'), /simple value/)
  refuses(hex('f820'), /simple value/)
  refuses(hex('c0 6161'), /not a date/)
  refuses(hex('c1 fb7ff0000000000000'), /not a date/)
  refuses(hex('c1 f97c00'), /not a date/)
  refuses(hex('c1 6161'), /not a date/)
  refuses(hex('c1 1bffffffffffffffff'), /not a date/)
})

test('a refusal never quotes the body', () => {
  try {
    decodeCbor(
      concatBytes(
        hex('a2 66'),
        Buffer.from('secret'),
        hex('01 66'),
        Buffer.from('secret'),
        hex('01'),
      ),
    )
    assert.unreachable()
  } catch (error) {
    assert.ok(error instanceof DenizenError)
    assert.not.match(error.message, 'secret')
  }
})

test('nesting is bounded in both directions', () => {
  const nested = (depth: number): Uint8Array =>
    concatBytes(new Uint8Array(depth).fill(0x81), hex('00'))
  assert.ok(isWellFormedCbor(nested(limits.cborDepthMax)))
  refuses(nested(limits.cborDepthMax + 1), /too deep/)
  refuses(nested(1_000_000), /too deep/)
  refuses(concatBytes(new Uint8Array(1_000).fill(0x9f)), /too deep/)
  const circle: unknown[] = []
  circle.push(circle)
  assert.throws(
    () => encodeCbor(circle),
    (error: unknown) => error instanceof AssertionError,
  )
})

test('what CBOR can not hold is an error, and other types are bugs', () => {
  const badBody = (error: unknown) => error instanceof DenizenError && error.code === 'bad_body'
  assert.throws(() => encodeCbor('\ud800'), badBody)
  assert.throws(() => encodeCbor({ 'k\udc00': 1 }), badBody)
  assert.throws(() => encodeCbor(1n << 64n), badBody)
  assert.throws(() => encodeCbor(-1n << 64n), badBody)
  for (const value of [new Map(), new Set(), /x/, () => {}, Symbol('x'), new Error('x')]) {
    assert.throws(
      () => encodeCbor(value),
      (error: unknown) => error instanceof AssertionError,
    )
  }
})

test('byte strings are plain views, also of a Buffer', () => {
  const decoded = decodeCbor(Buffer.from('43010203', 'hex'))
  assert.ok(decoded instanceof Uint8Array && decoded.constructor === Uint8Array)
})

test('byte strings stay as they are when others are decoded', () => {
  const bytes = encodeCbor([Uint8Array.of(1, 2, 3), 2n ** 60n])
  const [first] = decodeCbor(bytes) as [Uint8Array]
  for (let i = 0; i < 100; i++) decodeCbor(encodeCbor([new Uint8Array(9_000).fill(9), 2n ** 60n]))
  assert.equal(first, Uint8Array.of(1, 2, 3))
})

test('hostile shapes take linear time', () => {
  const many = 1_000_000
  const shapes = [
    concatBytes(hex('9a 000f4240'), new Uint8Array(many).fill(0x60)),
    concatBytes(hex('9f'), new Uint8Array(many).fill(0x80), hex('ff')),
    concatBytes(
      hex('9f'),
      ...Array.from({ length: many / 8 }, () => hex('62c3a9 a16161f6')),
      hex('ff'),
    ),
    encodeCbor(Object.fromEntries(Array.from({ length: many / 8 }, (_, i) => [`é${i}`, 'ß']))),
    encodeCbor(Array.from({ length: many / 4 }, () => `\ufeff${'x'.repeat(62)}`)),
  ]
  for (const bytes of shapes) {
    assert.ok(ownMsOf(() => decodeCbor(bytes)) < 2_000)
  }
})

/** cbor-x reads strings in JavaScript where its native extension is missing, as in browsers. */
const withoutExtension = { CBOR_NATIVE_ACCELERATION_DISABLED: 'true' }

if (!process.env.CBOR_NATIVE_ACCELERATION_DISABLED) {
  test('all of this holds without the native extension', () => {
    const env = { ...process.env, ...withoutExtension }
    const { status, stdout } = spawnSync(process.execPath, [import.meta.filename], { env })
    assert.is(status, 0, stdout.toString())
  })
}

test('maps with very many keys', () => {
  const value = Object.fromEntries(Array.from({ length: 70_000 }, (_, i) => [`k${i}`, i]))
  assert.equal(decodeCbor(encodeCbor(value)), value)
})

test.run()
