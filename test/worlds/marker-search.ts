/**
 * Looks for a text wherever it could have leaked to, in each form that a program could have given
 * it: UTF-8, UTF-16LE, hexadecimal in both cases, base64 and base64url at any offset in what was
 * encoded. Keys that are known can be looked for by their hashes too.
 */
import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Hasher } from '../../src/model/hash.ts'

export const encodings = [
  'utf8',
  'utf16le',
  'hex',
  'HEX',
  'base64+0',
  'base64+1',
  'base64+2',
  'base64url+0',
  'base64url+1',
  'base64url+2',
] as const
export type Encoding = (typeof encodings)[number]

export interface Finding {
  readonly name: string
  readonly encoding: Encoding
  /** A file, or what the caller called its bytes. */
  readonly place: string
  readonly offset: number
}

const letters = 'abcdefghijklmnopqrstuvwxyz0123456789'

/**
 * A random text that nobody writes by accident. Its tildes make `+` of base64 and `-` of base64url,
 * wherever they fall, so that the two can be told apart; nothing in it is escaped in URLs or JSON.
 */
export function newMarker(random: () => number): string {
  const part = () =>
    Array.from({ length: 9 }, () => letters[Math.floor(random() * letters.length)]).join('')
  return `${part()}~~~${part()}`
}

/** The part of a text's encoded form that does not depend on what stands around the text. */
export function needleOf(text: string, encoding: Encoding): Buffer {
  switch (encoding) {
    case 'utf8':
      return Buffer.from(text)
    case 'utf16le':
      return Buffer.from(text, 'utf16le')
    case 'hex':
      return Buffer.from(Buffer.from(text).toString('hex'))
    case 'HEX':
      return Buffer.from(Buffer.from(text).toString('hex').toUpperCase())
    default:
      return base64Needle(text, encoding)
  }
}

/** Characters of base64 hold 6 bits: those shared with a neighbour at either end are left out. */
function base64Needle(text: string, encoding: `base64${'' | 'url'}+${0 | 1 | 2}`): Buffer {
  const [alphabet, offset] = encoding.split('+') as ['base64' | 'base64url', string]
  const before = Number(offset)
  const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(text)])
  const first = Math.ceil((before * 8) / 6)
  return Buffer.from(bytes.toString(alphabet).slice(first, Math.floor((bytes.length * 8) / 6)))
}

/** What holds the text in that encoding, as a program would have written it, among other things. */
export function encodedSample(text: string, encoding: Encoding): Buffer {
  const around = (before: number) => Buffer.from(`${'<'.repeat(before)}${text}>>>`)
  switch (encoding) {
    case 'utf8':
      return around(5)
    case 'utf16le':
      return Buffer.from(`<<${text}>>`, 'utf16le')
    case 'hex':
      return Buffer.from(around(4).toString('hex'))
    case 'HEX':
      return Buffer.from(around(4).toString('hex').toUpperCase())
    default: {
      const [alphabet, offset] = encoding.split('+') as ['base64' | 'base64url', string]
      return Buffer.from(around(3 + Number(offset)).toString(alphabet))
    }
  }
}

export class MarkerSearch {
  readonly #needles: readonly { name: string; encoding: Encoding; bytes: Buffer }[]

  /** Names in findings, and the texts to look for. */
  constructor(markers: Readonly<Record<string, string>>) {
    this.#needles = Object.entries(markers).flatMap(([name, text]) =>
      encodings.map(encoding => ({ name, encoding, bytes: needleOf(text, encoding) })),
    )
  }

  /** The first place of each marker in each encoding. */
  bytes(place: string, bytes: Buffer): Finding[] {
    return this.#needles.flatMap(({ name, encoding, bytes: needle }) => {
      const offset = bytes.indexOf(needle)
      return offset < 0 ? [] : [{ name, encoding, place, offset }]
    })
  }

  file(path: string): Finding[] {
    return this.bytes(path, readFileSync(path))
  }

  /** All files below a directory, and their names. */
  directory(directory: string): Finding[] {
    return filesBelow(directory).flatMap(path => [
      ...this.file(path),
      ...this.bytes(`the name of ${path}`, Buffer.from(path.slice(directory.length))),
    ])
  }
}

export function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map(name => join(directory, name))
    .filter(path => lstatSync(path).isFile())
}

/** Looks for xxHash64 of texts, in either byte order: a hash of a key says who is there, too. */
export class HashSearch {
  readonly #hashes = new Set<bigint>()
  /** The first four bytes, to look for the others only where they can be. */
  readonly #beginnings = new Set<number>()

  constructor(hasher: Hasher, texts: Iterable<string>) {
    for (const text of texts) {
      const bytes = Buffer.alloc(8)
      bytes.writeBigUInt64BE(hasher.h64(Buffer.from(text)))
      for (const form of [bytes, Buffer.from(bytes).reverse()]) {
        this.#hashes.add(form.readBigUInt64BE())
        this.#beginnings.add(form.readUInt32BE())
      }
    }
  }

  /** How many hashes the bytes hold. */
  count(bytes: Buffer): number {
    let found = 0
    let word = bytes.length < 8 ? 0 : bytes.readUInt32BE(0)
    for (let at = 0; at + 8 <= bytes.length; at++) {
      if (this.#beginnings.has(word) && this.#hashes.has(bytes.readBigUInt64BE(at))) found += 1
      word = ((word << 8) | (bytes[at + 4] as number)) >>> 0
    }
    return found
  }
}
