/** Streams of data items as bodies: CBOR sequences (RFC 8742) and lines of JSON. */
import { concatBytes, utf8 } from '../model/bytes.ts'
import { writeCbor } from '../protocol/cbor-writer.ts'
import { essenceOf, type Format } from './media-type.ts'
import { qualityOf } from './negotiation.ts'

export const sequenceTypes: Readonly<Record<Format, string>> = {
  json: 'application/x-ndjson',
  cbor: 'application/cbor-seq',
}

/** The form of a body that is a sequence. */
export function sequenceFormatOf(mediaType: string): Format | undefined {
  const essence = essenceOf(mediaType)
  if (essence === sequenceTypes.json) return 'json'
  return essence === sequenceTypes.cbor ? 'cbor' : undefined
}

/** The form of the reply to a sequence: as it came, unless Accept prefers the other. */
export function preferredSequence(accept: string | undefined, came: Format): Format {
  const other = came === 'json' ? 'cbor' : 'json'
  const better = qualityOf(accept, sequenceTypes[other]) > qualityOf(accept, sequenceTypes[came])
  return better ? other : came
}

export const encodeSequence = (format: Format, items: readonly object[]): Uint8Array =>
  format === 'json'
    ? utf8(items.map(item => `${JSON.stringify(item)}\n`).join(''))
    : concatBytes(...items.map(writeCbor))
