import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { utf8 } from '../../src/model/bytes.ts'
import { DenizenError } from '../../src/model/errors.ts'
import { limits } from '../../src/model/limits.ts'
import { decodeJson } from '../../src/protocol/json.ts'
import { ownMsOf } from '../support/own-time.ts'

const refuses = (text: string | Uint8Array, what: RegExp): void => {
  assert.throws(
    () => decodeJson(typeof text === 'string' ? utf8(text) : text),
    (error: unknown) =>
      error instanceof DenizenError && error.code === 'bad_body' && what.test(error.message),
    `should be refused: ${what}`,
  )
}

test('takes what JSON.parse takes', () => {
  const cases = [
    '0',
    ' [1, 2, {"a": "}", "b": ["{", {"a": "\\"a\\":"}]}] ',
    '{"a": {"a": {"a": 1}}, "b": [{"a": 1}, {"a": 2}]}',
    '"\\ud83c\\udf0d"',
    '{"": 1, " ": 2, "\\u0000": 3}',
    '{"a": ["a", "a"], "b": "a", "c": "b"}',
    '"__proto__"',
    '["\\\\", "\\\\\\""]',
  ]
  for (const text of cases) assert.equal(decodeJson(utf8(text)), JSON.parse(text), text)
})

test('refuses what JSON.parse would let pass', () => {
  refuses('{"a": 1, "a": 2}', /byte 9: .*same name twice/)
  refuses('{"é": 1, "\\u00e9": 2}', /byte 10: .*same name twice/)
  refuses('[{"x": [{"a": 1, "b": {"a": 1}, "a": 2}]}]', /same name twice/)
  refuses('{"__proto__": 1}', /__proto__/)
  refuses('{"\\u005f_proto__": 1}', /__proto__/)
  refuses('"\\ud800"', /surrogate/)
  refuses('{"\\udc00": 1}', /surrogate/)
  refuses(Uint8Array.of(0x22, 0xc3, 0x28, 0x22), /not UTF-8/)
})

test('refuses what is not JSON, without quoting it', () => {
  const cases = ['', '{', '"abc', '"\\', '"\\x"', '[1,]', '{"a" 1}', '{a: 1}', '01', 'NaN', '1 2']
  for (const text of [...cases, '\ufeff1', ']', '}]', '{"a": secret}'])
    refuses(text, /^JSON: malformed$/)
})

test('nesting is bounded', () => {
  const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
  assert.ok(decodeJson(utf8(nested(limits.cborDepthMax))))
  refuses(nested(limits.cborDepthMax + 1), /too deep/)
  refuses('{"a":'.repeat(1_000_000), /too deep/)
})

test('a large object is read in linear time', () => {
  const value = Object.fromEntries(Array.from({ length: 200_000 }, (_, i) => [`k\n${i}`, i]))
  const bytes = utf8(JSON.stringify(value))
  const tookMs = ownMsOf(() => {
    assert.equal(Object.keys(decodeJson(bytes) as object).length, 200_000)
  })
  assert.ok(tookMs < 2_000)
})

test.run()
