/**
 * The header of a log segment, all integers big-endian:
 *
 *   magic u32 | format u32 | sequence u64 | after commit u64 | salt u64 | CRC-32 u32
 *
 * It stands in the file twice. To use a segment again is to write the first copy, sync, write the
 * second one, sync: a power cut tears one copy at most. Where both are sound, the first decides.
 */
import { crc32 } from 'node:zlib'
import { readU32, readU53, writeU32, writeU53 } from '../rows.ts'
import { saltBytes } from './entry.ts'

export interface SegmentHeader {
  /** Counts the uses of both segments: the higher one is the later part of the log. */
  readonly sequence: number
  /** A commit that was older than all in this segment. */
  readonly afterCommit: number
  /** What its entries begin with. */
  readonly salt: Uint8Array
}

/** A sector, and a page, of their own: what is written beside them can't tear them. */
export const headerOffsets = [0, 4_096] as const
export const entriesAt = 8_192

const magic = 0x44_4c_4f_47
const format = 1
const headerBytes = 36

export function encodeHeader({ sequence, afterCommit, salt }: SegmentHeader): Uint8Array {
  const header = new Uint8Array(headerBytes)
  writeU32(header, 0, magic)
  writeU32(header, 4, format)
  writeU53(header, 8, sequence)
  writeU53(header, 16, afterCommit)
  header.set(salt, 24)
  writeU32(header, 32, crc32(header.subarray(0, 32)))
  return header
}

/** The header of a segment's file; undefined where both copies are damaged. */
export function readHeader(file: Uint8Array): SegmentHeader | undefined {
  for (const at of headerOffsets) {
    const header = file.subarray(at, at + headerBytes)
    if (header.length < headerBytes || readU32(header, 0) !== magic) continue
    if (readU32(header, 32) !== crc32(header.subarray(0, 32))) continue
    if (readU32(header, 4) !== format) throw new Error('the log is of another format')
    return {
      sequence: readU53(header, 8),
      afterCommit: readU53(header, 16),
      salt: header.slice(24, 24 + saltBytes),
    }
  }
  return undefined
}
