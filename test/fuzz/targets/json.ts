/** The strict JSON reader: takes what `JSON.parse` reads, and has a reason for what it refuses. */
import { DenizenError } from '../../../src/model/errors.ts'
import { decodeJson } from '../../../src/protocol/json.ts'
import { randomItem } from '../items.ts'
import { fromTexts, mutateText } from '../mutate.ts'
import { type FuzzTarget, rule } from '../target.ts'

const words = fromTexts(
  ...['{', '}', '[', ']', ',', ':', '"', '\\', '\\u', '\\ud800', '\\u0061', '"a":', '"__proto__":'],
  ...['1e999', '-0', 'null', 'NaN', '\ufeff', '\u2028', '//', '"\\u005f_proto__":1,'],
)
const strictness = /nested too deep|surrogate|__proto__|same name twice|not UTF-8/

export const open = (): FuzzTarget => ({
  generate: random => {
    const text = JSON.stringify(randomItem(random), null, random.below(2))
    return mutateText(random, text, words)
  },
  check(input) {
    const lenient = read(input)
    try {
      const item = decodeJson(input)
      rule(lenient !== undefined, 'JSON.parse takes it too')
      rule(JSON.stringify(item) === JSON.stringify(lenient.value), 'it says the same')
    } catch (error) {
      if (!(error instanceof DenizenError)) throw error
      rule(error.code === 'bad_body', 'it is the body that is bad')
      rule(!lenient || strictness.test(error.message), 'a refusal of JSON says why')
    }
  },
})

function read(input: Uint8Array): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(new TextDecoder('utf-8', { ignoreBOM: true }).decode(input)) }
  } catch {
    return undefined
  }
}
