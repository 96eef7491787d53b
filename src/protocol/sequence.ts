/**
 * Streams of data items: CBOR sequences (RFC 8742) and lines of JSON (https://ndjson.org), cut into
 * items as they come in. Only the ends of items are looked for here, each byte once; what is in an
 * item is for `decodeCbor` and `decodeJson` to judge.
 */
import { DenizenError } from '../model/errors.ts'
import { CborBoundary } from './cbor-boundary.ts'
import { GrowingBytes } from './growing-bytes.ts'
import type { ItemBoundary } from './item-boundary.ts'
import { LineBoundary } from './line-boundary.ts'

const FIRST_BYTES = 4 * 1024

export class SequenceSplitter {
  readonly #boundary: ItemBoundary
  readonly #itemBytesMax: number
  /** The beginning of an item that the pieces so far did not end. */
  readonly #begun = new GrowingBytes(FIRST_BYTES)

  constructor(format: 'cbor' | 'json', itemBytesMax: number) {
    this.#boundary = format === 'cbor' ? new CborBoundary() : new LineBoundary()
    this.#itemBytesMax = itemBytesMax
  }

  /**
   * The items that end in the piece: views of it, or copies of what came in several pieces. Throws
   * `bad_body` and `too_large` after the items before.
   */
  *push(piece: Uint8Array): Generator<Uint8Array, void, void> {
    // Of a Node Buffer, subarray() would give Buffers.
    const bytes = new Uint8Array(piece.buffer, piece.byteOffset, piece.length)
    for (let from = 0; from < bytes.length; ) {
      const end = this.#boundary.endIn(bytes, from)
      const part = bytes.subarray(from, end)
      if (this.#begun.length + part.length > this.#itemBytesMax) throw this.#tooLarge()
      if (end === undefined) {
        this.#begun.push(part)
        return
      }
      from = end
      if (this.#begun.length === 0) yield part
      else {
        this.#begun.push(part)
        yield this.#begun.take()
      }
    }
  }

  /** The item that the end of the stream ends, if any. Throws `bad_body` where it cuts one off. */
  end(): Uint8Array | undefined {
    if (!this.#boundary.mayEnd) {
      throw new DenizenError('bad_body', 'the stream ends inside an item')
    }
    return this.#begun.length === 0 ? undefined : this.#begun.take()
  }

  #tooLarge(): DenizenError {
    return new DenizenError('too_large', `an item is larger than ${this.#itemBytesMax} bytes`, {
      extra: { bytesMax: this.#itemBytesMax },
    })
  }
}
