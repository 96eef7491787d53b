/**
 * Where items of a CBOR sequence end: a walk over their heads that can stop after any byte. It
 * takes whatever is well-formed, and leaves to `checkCbor` what is not taken all the same.
 */
import { DenizenError } from '../model/errors.ts'
import { limits } from '../model/limits.ts'
import type { ItemBoundary } from './item-boundary.ts'

const INDEFINITE = 31
const BREAK = 0xff

export class CborBoundary implements ItemBoundary {
  /** Items missing in each open array, map (two for a member) or tag; Infinity: until a break. */
  readonly #open: number[] = []
  /** Of the head under way: its first byte, and how much of its argument is still to come. */
  #initial = 0
  #argument = 0
  #argumentBytesLeft = 0
  /** Bytes of a string still to come. */
  #stringBytesLeft = 0
  #mayEnd = true

  get mayEnd(): boolean {
    return this.#mayEnd
  }

  endIn(piece: Uint8Array, from: number): number | undefined {
    for (let at = from; at < piece.length; ) {
      if (this.#stringBytesLeft > 0) {
        const taken = Math.min(this.#stringBytesLeft, piece.length - at)
        at += taken
        this.#stringBytesLeft -= taken
        if (this.#stringBytesLeft === 0 && this.#itemEnded()) return at
      } else if (this.#byte(piece[at++] as number)) return at
    }
    return undefined
  }

  /** One byte of a head. True where the outermost item ends with it. */
  #byte(byte: number): boolean {
    if (this.#argumentBytesLeft > 0) {
      this.#argument = this.#argument * 256 + byte
      this.#argumentBytesLeft -= 1
      return this.#argumentBytesLeft === 0 && this.#headEnded()
    }
    this.#mayEnd = false
    if (byte === BREAK) return this.#broken()
    const info = byte & 0x1f
    this.#initial = byte
    this.#argument = info
    if (info < 24 || info === INDEFINITE) return this.#headEnded()
    if (info > 27) malformed('a length is not allowed')
    this.#argument = 0
    this.#argumentBytesLeft = 1 << (info - 24)
    return false
  }

  #headEnded(): boolean {
    const major = this.#initial >> 5
    if ((this.#initial & 0x1f) === INDEFINITE) {
      if (major !== 4 && major !== 5) malformed('an indefinite length that is not taken')
      return this.#opened(Infinity)
    }
    if (major === 2 || major === 3) {
      this.#stringBytesLeft = this.#argument
      return this.#argument === 0 && this.#itemEnded()
    }
    if (major === 4) return this.#opened(this.#argument)
    if (major === 5) return this.#opened(this.#argument * 2)
    if (major === 6) return this.#opened(1)
    return this.#itemEnded()
  }

  #opened(items: number): boolean {
    if (items === 0) return this.#itemEnded()
    if (this.#open.length > limits.cborDepthMax) malformed('nested too deep')
    this.#open.push(items)
    return false
  }

  #broken(): boolean {
    if (this.#open.pop() !== Infinity) malformed('a break outside of an indefinite item')
    return this.#itemEnded()
  }

  /** Ends with it whatever it is the last item of. True where nothing is open any more. */
  #itemEnded(): boolean {
    for (let last = this.#open.length - 1; last >= 0; last--) {
      const missing = (this.#open[last] as number) - 1
      this.#open[last] = missing
      if (missing > 0) return false
      this.#open.pop()
    }
    this.#mayEnd = true
    return true
  }
}

function malformed(what: string): never {
  throw new DenizenError('bad_body', `CBOR sequence: ${what}`)
}
