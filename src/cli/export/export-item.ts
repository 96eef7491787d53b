/**
 * A record as an item of an export, which an import makes the same record of, byte for byte: as a
 * value where writing the value anew gives the very bytes that are stored, else as bytes.
 */
import { bytesMember, isExactFromJson } from '../../api/data-item.ts'
import { type Format, formatTypes, tryDecode } from '../../api/media-type.ts'
import { compareBytes, utf8 } from '../../model/bytes.ts'
import { isWellFormedCbor } from '../../protocol/cbor.ts'
import { writeCbor } from '../../protocol/cbor-writer.ts'
import { EncodedCbor } from '../../protocol/encoded-cbor.ts'
import type { ExportedRecord } from './pages.ts'

export function exportItem(record: ExportedRecord, format: Format): Uint8Array {
  const { key, mediaType, bytes } = record
  const item = {
    key,
    ...(valueMember(record, format) ?? { type: mediaType, ...bytesMember(bytes, format) }),
  }
  return format === 'json' ? utf8(`${JSON.stringify(item)}\n`) : writeCbor(item)
}

/** A value put as an item of that form is stored with that form's plain media type. */
function valueMember(
  { mediaType, bytes }: ExportedRecord,
  format: Format,
): { readonly value: unknown } | undefined {
  if (mediaType !== formatTypes[format]) return undefined
  if (format === 'cbor')
    return isWellFormedCbor(bytes) ? { value: new EncodedCbor(bytes) } : undefined
  const decoded = tryDecode('json', bytes)
  if (!decoded || !isExactFromJson(decoded.item)) return undefined
  const isSame = compareBytes(utf8(JSON.stringify(decoded.item)), bytes) === 0
  return isSame ? { value: decoded.item } : undefined
}
