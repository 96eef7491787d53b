/** Random data items: what JSON and CBOR can both say, and bytes of CBOR that say it oddly. */
import { concatBytes, utf8 } from '../../src/model/bytes.ts'
import type { SeededRandom } from '../support/seeded-random.ts'

const texts = [
  '',
  'a',
  'é',
  '\u{1f600}',
  '\ufeffmark',
  '\u0000',
  '"\\',
  '__proto__',
  'x'.repeat(70),
]
const numbers = [0, -1, 1.5, 23, 24, 255, 65_536, 2 ** 32, 2 ** 53 - 1, -(2 ** 40), 1e300]

export function randomItem(random: SeededRandom, depth = 4): unknown {
  switch (random.below(depth > 0 ? 7 : 4)) {
    case 0:
      return random.pick([null, true, false])
    case 1:
      return random.pick(numbers)
    case 2:
      return random.below(2 ** 31)
    case 3:
      return random.pick(texts)
    case 4:
      return Array.from({ length: random.below(4) }, () => randomItem(random, depth - 1))
    default:
      return Object.fromEntries(
        Array.from({ length: random.below(4) }, (_, index) => [
          `${random.pick(['a', 'b', 'key', 'é'])}${random.oneIn(20) ? '' : index}`,
          randomItem(random, depth - 1),
        ]),
      )
  }
}

/** One item of CBOR, mostly well-formed: in any width, with tags, breaks and lengths that lie. */
export function rawCbor(random: SeededRandom, depth = 6): Uint8Array {
  const many = (count: number): readonly Uint8Array[] =>
    Array.from({ length: count }, () => rawCbor(random, depth - 1))
  switch (random.below(depth > 0 ? 8 : 4)) {
    case 0:
    case 1:
      return head(
        random,
        random.below(2),
        random.pick([0, 5, 23, 24, 255, 70_000, 2 ** 32, 2 ** 53]),
      )
    case 2: {
      const bytes = random.bytes(random.below(5))
      return concatBytes(head(random, 2, lengthOf(random, bytes.length)), bytes)
    }
    case 3: {
      const bytes = utf8(random.pick(texts))
      return concatBytes(head(random, 3, lengthOf(random, bytes.length)), bytes)
    }
    case 4: {
      const items = many(random.below(4))
      return random.oneIn(3)
        ? concatBytes(Uint8Array.of(0x9f), ...items, Uint8Array.of(0xff))
        : concatBytes(head(random, 4, lengthOf(random, items.length)), ...items)
    }
    case 5: {
      const items = many(2 * random.below(4))
      return random.oneIn(3)
        ? concatBytes(Uint8Array.of(0xbf), ...items, Uint8Array.of(0xff))
        : concatBytes(head(random, 5, lengthOf(random, items.length / 2)), ...items)
    }
    case 6:
      return concatBytes(
        head(random, 6, random.pick([0, 1, 2, 3, 4, 24, 27, 258, 55_799])),
        ...many(1),
      )
    default:
      return random.pick([
        ...[Uint8Array.of(0xf4), Uint8Array.of(0xf6), Uint8Array.of(0xf7), Uint8Array.of(0xf8, 24)],
        concatBytes(Uint8Array.of(0xf9), random.bytes(2)),
        concatBytes(Uint8Array.of(0xfb), random.bytes(8)),
      ])
  }
}

const lengthOf = (random: SeededRandom, length: number): number =>
  random.oneIn(40) ? random.pick([length + 1, 2 ** 31, 2 ** 32 + length, 2 ** 53]) : length

/** Initial byte and argument, at times wider than it has to be. */
function head(random: SeededRandom, major: number, argument: number): Uint8Array {
  const least =
    argument < 24 ? 0 : argument < 256 ? 1 : argument < 65_536 ? 2 : argument < 2 ** 32 ? 3 : 4
  const width = Math.min(4, least + (random.oneIn(8) ? random.below(5) : 0))
  if (width === 0) return Uint8Array.of((major << 5) | argument)
  const bytes = new Uint8Array(9)
  new DataView(bytes.buffer).setBigUint64(1, BigInt(argument))
  const size = 1 << (width - 1)
  const result = bytes.slice(8 - size)
  result[0] = (major << 5) | (23 + width)
  return result
}

/** The item with one member, at any depth, that is another one, missing, or there again. */
export function mangled(random: SeededRandom, item: unknown): unknown {
  if (random.oneIn(4) || typeof item !== 'object' || item === null) return randomItem(random, 2)
  if (item instanceof Uint8Array) return random.bytes(random.below(4))
  if (Array.isArray(item)) {
    const at = random.below(item.length + 1)
    const one = item[at]
    const by = random.oneIn(3) ? [] : random.oneIn(3) ? [one, one] : [mangled(random, one)]
    return item.toSpliced(at, 1, ...by)
  }
  const members = Object.entries(item)
  const [name = 'more', member] = members[random.below(members.length)] ?? []
  const others = members.filter(([other]) => other !== name)
  if (random.oneIn(5)) return Object.fromEntries(others)
  const named = random.oneIn(8) ? random.pick(['value', 'bytes', 'type', 'ttl', 'x']) : name
  return Object.fromEntries([...others, [named, mangled(random, member)]])
}
