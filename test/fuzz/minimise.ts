/** Takes pieces out of a failing case while it fails (Zeller's delta debugging, simplified). */
import { concatBytes } from '../../src/model/bytes.ts'

const ATTEMPTS_MAX = 500

export async function minimise(
  input: Uint8Array,
  fails: (candidate: Uint8Array) => Promise<boolean>,
): Promise<Uint8Array> {
  let best = input
  let attempts = 0
  for (let size = Math.ceil(best.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < best.length && attempts < ATTEMPTS_MAX; attempts++) {
      const candidate = concatBytes(best.subarray(0, at), best.subarray(at + size))
      if (await fails(candidate)) best = candidate
      else at += size
    }
  }
  return best
}
