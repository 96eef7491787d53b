/** Text and bytes: UTF-8 both ways, and the byte order that keys are sorted by. */

const encoder = new TextEncoder()
const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Up to this length a loop over ASCII beats a call of the platform's encoder, or decoder. */
const SHORT = 96

/** The UTF-8 of a text, behind `reserve` bytes that are left for the caller to fill. */
export function utf8(text: string, reserve = 0): Uint8Array {
  const bytes = text.length <= SHORT ? shortAscii(text, reserve) : undefined
  return bytes ?? encoded(text, reserve)
}

function shortAscii(text: string, reserve: number): Uint8Array | undefined {
  const bytes = new Uint8Array(reserve + text.length)
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit > 0x7f) return undefined
    bytes[reserve + i] = unit
  }
  return bytes
}

function encoded(text: string, reserve: number): Uint8Array {
  const tail = encoder.encode(text)
  if (reserve === 0) return tail
  const bytes = new Uint8Array(reserve + tail.length)
  bytes.set(tail, reserve)
  return bytes
}

/** Texts up to this length, in UTF-8, need no memory to be looked at. */
const TRANSIENT_BYTES = 2_048
const transient = new Uint8Array(TRANSIENT_BYTES)
/** By length: the beginning of `transient`. */
const transients: (Uint8Array | undefined)[] = []

/**
 * As `utf8`, for whoever is done with the bytes at once: the next call writes over them. A small
 * array costs more than most of what is done with it.
 */
export function transientUtf8(text: string, reserve = 0): Uint8Array {
  if (reserve + 3 * text.length > TRANSIENT_BYTES) return utf8(text, reserve)
  const end = utf8Into(transient, reserve, text)
  let bytes = transients[end]
  if (!bytes) {
    bytes = transient.subarray(0, end)
    transients[end] = bytes
  }
  return bytes
}

/**
 * Writes the UTF-8 of a text at an offset. Returns where it ends: three bytes for each unit of the
 * text must have room.
 */
export function utf8Into(bytes: Uint8Array, at: number, text: string): number {
  if (text.length <= SHORT) {
    let i = 0
    for (; i < text.length; i++) {
      const unit = text.charCodeAt(i)
      if (unit > 0x7f) break
      bytes[at + i] = unit
    }
    if (i === text.length) return at + i
  }
  return at + encoder.encodeInto(text, bytes.subarray(at)).written
}

/** Decodes UTF-8. Throws a `TypeError` on malformed input. */
export function fromUtf8(bytes: Uint8Array): string {
  if (bytes.length > SHORT) return strictDecoder.decode(bytes)
  return asciiText(bytes, 0, bytes.length) ?? strictDecoder.decode(bytes)
}

/**
 * The text of a short part of the bytes; undefined where it holds more than ASCII. An array takes a
 * third of the time of spreading the bytes, or of adding up characters.
 */
export function asciiText(bytes: Uint8Array, from: number, end: number): string | undefined {
  const units = new Array<number>(end - from)
  let all = 0
  for (let i = from; i < end; i++) {
    const byte = bytes[i] as number
    units[i - from] = byte
    all |= byte
  }
  return all > 0x7f ? undefined : String.fromCharCode(...units)
}

export const utf8Length = (text: string): number => {
  let length = 0
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x80) length += 1
    else if (unit < 0x800) length += 2
    else if (unit >= 0xd800 && unit < 0xdc00) {
      length += 4
      i += 1
    } else length += 3
  }
  return length
}

/** Orders byte strings as `memcmp` does, shorter first. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length)
  for (let i = 0; i < shared; i++) {
    const difference = (a[i] as number) - (b[i] as number)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let offset = 0
  for (const part of parts) {
    result.set(part, offset)
    offset += part.length
  }
  return result
}

/**
 * Orders texts by their UTF-8 bytes. JavaScript's `<` orders by UTF-16 code units, which differs
 * where surrogate pairs meet U+E000 to U+FFFF.
 */
export function compareUtf8(a: string, b: string): number {
  const shared = Math.min(a.length, b.length)
  for (let i = 0; i < shared; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x === y) continue
    return fixUp(x) - fixUp(y)
  }
  return a.length - b.length
}

/** Moves surrogates above the rest of the basic plane, where UTF-8 puts what they encode. */
const fixUp = (unit: number): number => {
  if (unit < 0xd800) return unit
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800
}
