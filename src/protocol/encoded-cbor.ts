/**
 * A data item that stays as it was encoded: in what is read, an item that nobody has to look into;
 * in what is written, bytes that are known to be one well-formed item.
 */
export class EncodedCbor {
  readonly bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }
}
