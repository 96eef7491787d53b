/** Changes that turn a valid input into one that is nearly so. */
import { concatBytes, utf8 } from '../../src/model/bytes.ts'
import type { SeededRandom } from '../support/seeded-random.ts'

const EDITS_MAX = 4
const REPEATS_MAX = 2_000
/** Repetition makes long inputs, in which quadratic time shows; this bounds them. */
const REPEATED_BYTES_MAX = 64 * 1024

const edgeBytes = [0, 0x0a, 0x0d, 0x1f, 0x20, 0x22, 0x2e, 0x2f, 0x7f, 0x80, 0xc0, 0xed, 0xfe, 0xff]

export const fromTexts = (...texts: readonly string[]): readonly Uint8Array[] =>
  texts.map(text => utf8(text))

/** One to four edits; `words` are what the format gives a meaning to. */
export function mutate(
  random: SeededRandom,
  input: Uint8Array,
  words: readonly Uint8Array[],
): Uint8Array {
  let result = input
  for (let left = 1 + random.below(EDITS_MAX); left > 0; left--)
    result = edit(random, result, words)
  return result
}

export const mutateText = (random: SeededRandom, text: string, words: readonly Uint8Array[]) =>
  mutate(random, utf8(text), words)

function edit(random: SeededRandom, input: Uint8Array, words: readonly Uint8Array[]): Uint8Array {
  const at = random.below(input.length + 1)
  const end = Math.min(input.length, at + random.below(random.oneIn(4) ? input.length + 1 : 8))
  const part = input.subarray(at, end)
  const replaced = (by: Uint8Array): Uint8Array =>
    concatBytes(input.subarray(0, at), by, input.subarray(end))
  switch (random.below(8)) {
    case 0:
      return replaced(Uint8Array.of())
    case 1:
      return replaced(random.bytes(random.below(9)))
    case 2:
      return replaced(Uint8Array.of(random.pick(edgeBytes)))
    case 3:
      return replaced(flipped(random, part))
    case 4:
      return replaced(repeated(random, part))
    case 5:
      return concatBytes(input.subarray(0, at), part, input.subarray(at))
    default: {
      const word = words.length === 0 ? random.bytes(1) : random.pick(words)
      return random.oneIn(2)
        ? replaced(word)
        : concatBytes(input.subarray(0, at), word, input.subarray(at))
    }
  }
}

function flipped(random: SeededRandom, part: Uint8Array): Uint8Array {
  const result = part.slice()
  if (result.length > 0) {
    const at = random.below(result.length)
    result[at] = (result[at] as number) ^ (1 << random.below(8))
  }
  return result
}

function repeated(random: SeededRandom, part: Uint8Array): Uint8Array {
  const asked = 1 + random.below(random.oneIn(8) ? REPEATS_MAX : 8)
  const times = Math.min(asked, Math.floor(REPEATED_BYTES_MAX / Math.max(1, part.length)))
  return concatBytes(...Array.from({ length: times }, () => part))
}
