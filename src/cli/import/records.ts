/**
 * Records of a file: items with a key and a value, or a key with the media type and the bytes of
 * any other value. They go out as they came, with `op` put in front: nothing is lost on the way
 * that the command line's own numbers or texts could not hold.
 */
import { z } from 'zod'
import { bytesFromItem } from '../../api/data-item.ts'
import { decodeFormat, type Format, formatOf, tryDecode } from '../../api/media-type.ts'
import { concatBytes, fromUtf8, utf8 } from '../../model/bytes.ts'
import { DenizenError } from '../../model/errors.ts'
import { limits } from '../../model/limits.ts'
import { encodeCbor } from '../../protocol/cbor.ts'
import { SequenceSplitter } from '../../protocol/sequence.ts'
import { usageError } from '../exit-codes.ts'
import type { LanePut } from './put-lane.ts'

export interface ImportRecord extends LanePut {
  /** From 0, in the order of the file. */
  readonly index: number
  readonly key: string
  /** Bytes of the file up to its end. */
  readonly endBytes: number
  /** The value as data; undefined for what is neither JSON nor CBOR. */
  readonly value: () => unknown
}

const recordSchema = z
  .strictObject({
    key: z.string(),
    value: z.unknown().optional(),
    type: z.string().optional(),
    bytes: z.union([z.string(), z.instanceof(Uint8Array)]).optional(),
    ttl: z.string().optional(),
    /** An export of a group tells these; they are not taken over. */
    version: z.string().optional(),
    expiresAt: z.string().optional(),
  })
  .refine(
    item =>
      'value' in item ? !('bytes' in item || 'type' in item) : 'bytes' in item && 'type' in item,
    { error: 'it has either value, or type and bytes' },
  )
type Item = z.infer<typeof recordSchema>

/** The records of each piece of a file. Throws `CliError` that names the item at fault. */
export async function* readRecords(
  pieces: AsyncIterable<Uint8Array>,
  format: Format,
): AsyncGenerator<readonly ImportRecord[]> {
  const splitter = new SequenceSplitter(format, limits.streamItemBytesMax)
  let index = 0
  let endBytes = 0
  const read = function* (items: Iterable<Uint8Array>): Generator<ImportRecord> {
    for (const item of items) {
      endBytes += item.length
      if (isBlank(item, format)) continue
      yield recordOf(item, format, index, endBytes)
      index += 1
    }
  }
  /** What came before a mistake counts. */
  let records: ImportRecord[] = []
  try {
    for await (const piece of pieces) {
      for (const record of read(splitter.push(piece))) records.push(record)
      yield records
      records = []
    }
    const last = splitter.end()
    if (last) yield [...read([last])]
  } catch (error) {
    if (!(error instanceof DenizenError)) throw error
    yield records
    throw usageError(
      `item ${index + 1} is no record: ${error.message}`,
      'A record is {"key": …, "value": …} or {"key": …, "type": …, "bytes": …}, and may have "ttl".',
    )
  }
}

const isBlank = (item: Uint8Array, format: Format): boolean =>
  format === 'json' && item.every(byte => byte <= 0x20)

/** Throws `DenizenError`. */
function recordOf(
  bytes: Uint8Array,
  format: Format,
  index: number,
  endBytes: number,
): ImportRecord {
  const parsed = recordSchema.safeParse(decodeFormat(format, bytes))
  if (!parsed.success) {
    throw new DenizenError('bad_request', parsed.error.issues[0]?.message ?? 'not as it should be')
  }
  const item = parsed.data
  return {
    index,
    key: item.key,
    endBytes,
    bytes: putOf(isTold(item) ? untold(item, bytes, format) : bytes, format),
    value: () => dataOf(item, format),
  }
}

function dataOf(item: Item, format: Format): unknown {
  if (item.bytes === undefined) return item.value
  const stored = formatOf(item.type ?? '')
  return stored && tryDecode(stored, bytesFromItem(item.bytes, format))?.item
}

const isTold = ({ version, expiresAt }: Item): boolean =>
  version !== undefined || expiresAt !== undefined

/** Without what it tells of itself. An export writes such items so that this changes no value. */
function untold(item: Item, bytes: Uint8Array, format: Format): Uint8Array {
  const decoded: Item = format === 'json' ? JSON.parse(fromUtf8(bytes)) : item
  const { version, expiresAt, ...rest } = decoded
  return format === 'json' ? utf8(JSON.stringify(rest)) : encodeCbor(rest)
}

const jsonHead = utf8('{"op":"put",')
const cborMember = concatBytes(encodeCbor('op'), encodeCbor('put'))
const OPEN_MAP = 0xbf

/** The item, which is a map with a few members, as an operation. */
function putOf(bytes: Uint8Array, format: Format): Uint8Array {
  if (format === 'json')
    return concatBytes(jsonHead, bytes.subarray(bytes.indexOf(0x7b) + 1), newline)
  const initial = bytes[0] as number
  const head = Uint8Array.of(initial === OPEN_MAP ? initial : initial + 1)
  return concatBytes(head, cborMember, bytes.subarray(1))
}

const newline = utf8('\n')
