import { test } from 'uvu'
import * as assert from 'uvu/assert'
import xxhash from 'xxhash-wasm'
import { xxh32OfShortAscii } from '../../src/model/xxh32.ts'
import { seededRandom } from '../support/seeded-random.ts'

test('it is what WebAssembly makes of the text', async () => {
  const { h32 } = await xxhash()
  const random = seededRandom(1)
  for (let length = 0; length <= 64; length++) {
    for (let n = 0; n < 40; n++) {
      const units = Array.from({ length }, () => random.below(128))
      const text = String.fromCharCode(...units)
      assert.is(xxh32OfShortAscii(text), h32(text), `${length}`)
    }
  }
})

test('other texts are left to it', () => {
  for (const text of ['é', `${'a'.repeat(20)}\u0080`, 'a'.repeat(65)]) {
    assert.is(xxh32OfShortAscii(text), undefined)
  }
})

test.run()
