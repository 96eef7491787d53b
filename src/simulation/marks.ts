/**
 * Every key and value of a simulated world says of which dataset it is, so that any byte that lies
 * or travels anywhere can be asked whether it may be there. A value is a name, as in histories.
 */
import { fromUtf8, utf8 } from '../model/bytes.ts'
import type { Key } from '../model/key.ts'

export const markOf = (dataset: string): string => `mark(${dataset})`

export const keyOf = (dataset: string, name: string): Key => `${name}${markOf(dataset)}` as Key

export const markedValue = (dataset: string, name: string): Uint8Array =>
  utf8(`${markOf(dataset)}${name}`)

/** The name of a value that `markedValue` made, whatever fills it up. */
export function nameOfValue(bytes: Uint8Array): string {
  const text = fromUtf8(bytes)
  return text.slice(text.indexOf(')') + 1).trimEnd()
}
