/**
 * A record as an item of an export, which an import makes the same record of, byte for byte: as a
 * value where writing the value anew gives the very bytes that are stored, else as bytes. Where it
 * expires, the item has the life that was left to it. For people who ask what is stored of them it
 * also has version and moment of expiry, which an import passes over.
 */
import { bytesMember, isExactFromJson } from '../../api/data-item.ts'
import { type Format, formatTypes, tryDecode } from '../../api/media-type.ts'
import { compareBytes, utf8 } from '../../model/bytes.ts'
import { isWellFormedCbor } from '../../protocol/cbor.ts'
import { writeCbor } from '../../protocol/cbor-writer.ts'
import { EncodedCbor } from '../../protocol/encoded-cbor.ts'
import type { ExportedRecord } from './pages.ts'

export function exportItem(
  record: ExportedRecord,
  format: Format,
  nowMs: number,
  isTold = false,
): Uint8Array {
  const { key, mediaType, bytes, expiresAtMs } = record
  const item = {
    key,
    ...((isTold && format === 'cbor' ? undefined : valueMember(record, format)) ?? {
      type: mediaType,
      ...bytesMember(bytes, format),
    }),
    ...(isTold && { version: record.version }),
    ...(isTold && expiresAtMs !== undefined && { expiresAt: new Date(expiresAtMs).toISOString() }),
    ...(expiresAtMs !== undefined && { ttl: remainingLife(expiresAtMs - nowMs) }),
  }
  return format === 'json' ? utf8(`${JSON.stringify(item)}\n`) : writeCbor(item)
}

/** At least a second: what has expired since the list was made is gone soon after its import. */
const remainingLife = (ms: number): string => `${Math.max(1, Math.ceil(ms / 1_000))}s`

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
