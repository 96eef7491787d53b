/**
 * Every key and value of a simulated world says of which dataset it is, so that any byte that lies
 * or travels anywhere can be asked whether it may be there. A value is a name, as in histories.
 */
import { fromUtf8, utf8 } from '../model/bytes.ts'
import type { Key } from '../model/key.ts'

export const markOf = (dataset: string): string => `mark(${dataset})`

export const keyOf = (dataset: string, name: string): Key => `${name}${markOf(dataset)}` as Key

/** Keys that begin so are written once, and read by nobody before all is read in the end. */
export const onceWritten = 'batch'

/** One in so many is large: two of them fill a chunk of a feed. */
const LARGE_EACH = 5
const LARGE_BYTES = 100_000

/** `name` ends in a number. */
export function markedValue(dataset: string, name: string): Uint8Array {
  const text = `${markOf(dataset)}${name}`
  const isLarge = Number(/\d+$/.exec(name)?.[0]) % LARGE_EACH === 0
  return utf8(isLarge ? text.padEnd(LARGE_BYTES) : text)
}

/** The name of a value that `markedValue` made, whatever fills it up. */
export function nameOfValue(bytes: Uint8Array): string {
  const text = fromUtf8(bytes)
  return text.slice(text.indexOf(')') + 1).trimEnd()
}
