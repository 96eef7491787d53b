/**
 * xxHash as the project uses it: 32 bits where a number is enough (slots), 64 bits for checksums
 * and digests. The WebAssembly module is loaded once by the composition root and passed in.
 */
import xxhash from 'xxhash-wasm'
import { utf8 } from './bytes.ts'

export interface Hasher {
  /** 32-bit hash of a text's UTF-8, as an unsigned number. */
  h32(text: string): number
  /** 64-bit hash of bytes. The seed makes a keyed family: secret seeds hide short inputs. */
  h64(bytes: Uint8Array, seed?: bigint): bigint
}

export async function loadHasher(): Promise<Hasher> {
  const { h32Raw, h64Raw } = await xxhash()
  return {
    h32: text => h32Raw(utf8(text)),
    h64: (bytes, seed = 0n) => h64Raw(bytes, seed),
  }
}
