import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  compareBytes,
  compareUtf8,
  concatBytes,
  fromUtf8,
  utf8,
  utf8Length,
} from '../../src/model/bytes.ts'
import { seededRandom } from '../support/seeded-random.ts'

const points = [0, 0x2f, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xffff, 0x10000, 0x10ffff]

/** Texts of code points at all borders of UTF-8 and UTF-16. */
function* texts(count: number): IterableIterator<string> {
  const random = seededRandom(1)
  for (let n = 0; n < count; n++) {
    const length = random.below(5)
    yield String.fromCodePoint(...Array.from({ length }, () => random.pick(points)))
  }
}

test('texts are ordered as their UTF-8 is', () => {
  const all = [...texts(300)]
  for (const a of all) {
    for (const b of all) {
      const byBytes = Math.sign(compareBytes(utf8(a), utf8(b)))
      assert.is(Math.sign(compareUtf8(a, b)), byBytes, JSON.stringify([a, b]))
    }
  }
})

test('the length of UTF-8 is known without encoding', () => {
  for (const text of texts(500)) assert.is(utf8Length(text), utf8(text).length)
})

test('short and long texts are encoded alike, behind what is kept free', () => {
  const encoder = new TextEncoder()
  for (const part of ['', 'a', '\u{1f600}', 'é']) {
    for (const count of [1, 95, 96, 97, 300]) {
      const text = part.repeat(count)
      const plain = encoder.encode(text)
      assert.equal(utf8(text), plain)
      const reserved = utf8(text, 3)
      assert.equal([...reserved.subarray(0, 3)], [0, 0, 0])
      assert.equal(reserved.slice(3), plain)
      assert.is(fromUtf8(plain), text)
    }
  }
})

test('malformed UTF-8 is refused, a byte order mark is kept', () => {
  for (const bytes of [
    [0xff],
    [0xc3],
    [0xed, 0xa0, 0x80],
    [0xc0, 0x80],
    [0xf4, 0x90, 0x80, 0x80],
  ]) {
    assert.throws(() => fromUtf8(Uint8Array.from(bytes)), TypeError)
  }
  assert.is(fromUtf8(utf8('\ufeffa')), '\ufeffa')
})

test('bytes are ordered as memcmp does, shorter first', () => {
  const sorted = [[], [0], [0, 0], [0, 1], [1], [0x7f], [0x80], [0xff], [0xff, 0]]
  const arrays = sorted.map(bytes => Uint8Array.from(bytes))
  assert.equal(arrays.toReversed().sort(compareBytes), arrays)
  assert.equal(concatBytes(utf8('a'), new Uint8Array(), utf8('bc')), utf8('abc'))
})

test.run()
