/**
 * Entries of the log: one for each commit, all integers big-endian.
 *
 *   salt u64 | commit number u64 | payload bytes u32 | CRC-32 u32 | payload | zeros to 8 bytes
 *
 * The payload is the changes: key bytes u32 | value bytes u32, or 2^32 - 1 to delete | key | value.
 * The CRC covers what comes before it and the payload.
 *
 * The salt is that of the entry's segment, drawn anew each time that the segment is used again: so
 * what its file still holds from before is not taken for entries, nor is a value into which a
 * client put something that looks like them (SQLite's write-ahead log does the same).
 */
import { crc32 } from 'node:zlib'
import type { RowChange } from '../engine.ts'
import { deletedBytes, type PackedRows, rowsStart } from '../packed-rows.ts'
import { readU32, readU53, writeU32, writeU53 } from '../rows.ts'

export interface LogEntry {
  readonly commitNumber: number
  /** They show the bytes that were read. */
  readonly changes: readonly RowChange[]
  /** Where the next entry begins. */
  readonly end: number
}

export const saltBytes = 8
export const entryAlignment = 8
const headerBytes = rowsStart
const changeHeaderBytes = 8

const aligned = (bytes: number): number => Math.ceil(bytes / entryAlignment) * entryAlignment

/** Makes an entry of rows, in their own memory: it stays as it is until that is used again. */
export function encodeEntry(rows: PackedRows, salt: Uint8Array, commitNumber: number): Uint8Array {
  const { bytes, end } = rows
  const payloadBytes = end - rowsStart
  const entryEnd = aligned(end)
  bytes.set(salt)
  writeU53(bytes, 8, commitNumber)
  writeU32(bytes, 16, payloadBytes)
  bytes.fill(0, end, entryEnd)
  writeU32(bytes, 20, checksumOf(bytes, 0, payloadBytes))
  return bytes.subarray(0, entryEnd)
}

/** The entry that begins at an offset; undefined where none does, or it is damaged. */
export function readEntry(bytes: Uint8Array, at: number, salt: Uint8Array): LogEntry | undefined {
  if (at + headerBytes > bytes.length || !startsWith(bytes, at, salt)) return undefined
  const payloadBytes = readU32(bytes, at + 16)
  if (at + headerBytes + payloadBytes > bytes.length) return undefined
  if (readU32(bytes, at + 20) !== checksumOf(bytes, at, payloadBytes)) return undefined
  return {
    commitNumber: readU53(bytes, at + 8),
    changes: readChanges(bytes, at + headerBytes, payloadBytes),
    end: at + aligned(headerBytes + payloadBytes),
  }
}

function readChanges(bytes: Uint8Array, start: number, payloadBytes: number): RowChange[] {
  const changes: RowChange[] = []
  for (let at = start; at < start + payloadBytes; ) {
    const keyAt = at + changeHeaderBytes
    const valueAt = keyAt + readU32(bytes, at)
    const valueBytes = readU32(bytes, at + 4)
    at = valueBytes === deletedBytes ? valueAt : valueAt + valueBytes
    const value = valueBytes === deletedBytes ? null : bytes.subarray(valueAt, at)
    changes.push({ key: bytes.subarray(keyAt, valueAt), value })
  }
  return changes
}

function checksumOf(bytes: Uint8Array, at: number, payloadBytes: number): number {
  const payloadAt = at + headerBytes
  const header = crc32(bytes.subarray(at, at + 20))
  return crc32(bytes.subarray(payloadAt, payloadAt + payloadBytes), header)
}

function startsWith(bytes: Uint8Array, at: number, salt: Uint8Array): boolean {
  for (let i = 0; i < saltBytes; i++) if (bytes[at + i] !== salt[i]) return false
  return true
}
