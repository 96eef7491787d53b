/**
 * Reads CBOR from strangers item by item, as its caller expects it, without building what nobody
 * asks for. Where something else comes (another type, an indefinite length, a tag, the end of the
 * bytes) the answer is undefined; `decodeCbor` then says of the whole what is wrong with it, if
 * anything is.
 */
import { asciiText, fromUtf8, utf8 } from '../model/bytes.ts'
import { limits } from '../model/limits.ts'
import { itemChecker } from './cbor-check.ts'

/** Up to here a loop over the bytes is faster than TextDecoder. */
const SHORT_TEXT_BYTES = 64

/** Texts that are likely to come, to be recognised without decoding: by length, then by bytes. */
export type ExpectedTexts<Text extends string> = readonly (readonly {
  readonly text: Text
  readonly bytes: Uint8Array
}[])[]

export function expectedTexts<Text extends string>(...texts: readonly Text[]): ExpectedTexts<Text> {
  const all = texts.map(text => ({ text, bytes: utf8(text) }))
  const longest = Math.max(...all.map(({ bytes }) => bytes.length))
  return Array.from({ length: longest + 1 }, (_, length) =>
    all.filter(({ bytes }) => bytes.length === length),
  )
}

export class CborReader {
  readonly #bytes: Uint8Array
  readonly #checkItem: (at: number) => number
  #at = 0
  #repeated: { readonly text: string; readonly bytes: Uint8Array } = {
    ...{ text: '', bytes: new Uint8Array() },
  }

  /** `bytes` is a plain view: byte strings come out as views of the same kind. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#checkItem = itemChecker(bytes, limits.cborDepthMax)
  }

  /** Members of the map that begins here, which are to be read next. */
  mapLength(): number | undefined {
    return this.#argumentOf(0xa0)
  }

  arrayLength(): number | undefined {
    return this.#argumentOf(0x80)
  }

  /** Whether nothing is left. */
  get atEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  text(): string | undefined {
    const end = this.#stringEnd(0x60)
    if (end === undefined) return undefined
    const from = this.#at
    this.#at = end
    return textOf(this.#bytes, from, end)
  }

  /** As `text`, where the same text comes again and again: it is decoded once. */
  repeatedText(): string | undefined {
    const end = this.#stringEnd(0x60)
    if (end === undefined) return undefined
    const { text, bytes } = this.#repeated
    const from = this.#at
    const isSame = bytes.length === end - from && this.#continuesWith(bytes)
    this.#at = end
    if (isSame) return text
    const read = textOf(this.#bytes, from, end)
    if (read !== undefined) this.#repeated = { text: read, bytes: this.#bytes.subarray(from, end) }
    return read
  }

  /** One of the texts, and no other. */
  textAmong<Text extends string>(expected: ExpectedTexts<Text>): Text | undefined {
    const end = this.#stringEnd(0x60)
    const candidates = end === undefined ? undefined : expected[end - this.#at]
    if (end === undefined || candidates === undefined) return undefined
    for (let i = 0; i < candidates.length; i++) {
      const { text, bytes } = candidates[i] as { text: Text; bytes: Uint8Array }
      if (!this.#continuesWith(bytes)) continue
      this.#at = end
      return text
    }
    return undefined
  }

  byteString(): Uint8Array | undefined {
    const end = this.#stringEnd(0x40)
    if (end === undefined) return undefined
    const from = this.#at
    this.#at = end
    return this.#bytes.subarray(from, end)
  }

  /** The bytes of the item that begins here, whatever it is. Throws `bad_body`. */
  encoded(): Uint8Array {
    const from = this.#at
    this.#at = this.#checkItem(from)
    return this.#bytes.subarray(from, this.#at)
  }

  #stringEnd(major: number): number | undefined {
    const length = this.#argumentOf(major)
    if (length === undefined || this.#at + length > this.#bytes.length) return undefined
    return this.#at + length
  }

  /** Of a head of that major type, which it goes past. */
  #argumentOf(major: number): number | undefined {
    const initial = this.#bytes[this.#at]
    if (initial === undefined || (initial & 0xe0) !== major) return undefined
    const info = initial & 0x1f
    if (info > 26) return undefined
    this.#at += 1
    if (info < 24) return info
    let argument = 0
    for (let left = 1 << (info - 24); left > 0; left--) {
      const byte = this.#bytes[this.#at++]
      if (byte === undefined) return undefined
      argument = argument * 256 + byte
    }
    return argument
  }

  #continuesWith(bytes: Uint8Array): boolean {
    for (let i = 0; i < bytes.length; i++) {
      if (this.#bytes[this.#at + i] !== bytes[i]) return false
    }
    return true
  }
}

function textOf(bytes: Uint8Array, from: number, end: number): string | undefined {
  const short = end - from > SHORT_TEXT_BYTES ? undefined : asciiText(bytes, from, end)
  return short ?? decoded(bytes.subarray(from, end))
}

function decoded(bytes: Uint8Array): string | undefined {
  try {
    return fromUtf8(bytes)
  } catch {
    return undefined
  }
}
