/**
 * xxHash as the project uses it: 32 bits where a number is enough (slots), 64 bits for checksums
 * and digests. The WebAssembly module is loaded once by the composition root and passed in.
 */
import xxhash from 'xxhash-wasm'
import { transientUtf8 } from './bytes.ts'
import { xxh32OfShortAscii } from './xxh32.ts'

export interface Hasher {
  /** 32-bit hash of a text's UTF-8, as an unsigned number. */
  h32(text: string): number
  /** 64-bit hash of a text's UTF-8. */
  h64Of(text: string): bigint
  /** 64-bit hash of bytes. The seed makes a keyed family: secret seeds hide short inputs. */
  h64(bytes: Uint8Array, seed?: bigint): bigint
}

export async function loadHasher(): Promise<Hasher> {
  const { h32Raw, h64Raw } = await xxhash()
  return {
    h32: remembered(text => xxh32OfShortAscii(text) ?? h32Raw(transientUtf8(text))),
    h64Of: remembered(text => h64Raw(transientUtf8(text))),
    h64: (bytes, seed = 0n) => h64Raw(bytes, seed),
  }
}

/** Several steps of one request ask for the hash of one key. */
function remembered<T>(hash: (text: string) => T): (text: string) => T {
  let last = ''
  let of = hash(last)
  return text => {
    if (text !== last) {
      of = hash(text)
      last = text
    }
    return of
  }
}
