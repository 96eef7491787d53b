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
const headerBytes = 24
const changeHeaderBytes = 8
const deleted = 2 ** 32 - 1

const aligned = (bytes: number): number => Math.ceil(bytes / entryAlignment) * entryAlignment

/** Encodes entries into memory that it uses again: an entry stays as it is until the next one. */
export class EntryEncoder {
  #memory = new Uint8Array(64 * 1024)

  encode(salt: Uint8Array, commitNumber: number, changes: readonly RowChange[]): Uint8Array {
    const payloadBytes = payloadBytesOf(changes)
    const entry = this.#memoryOf(aligned(headerBytes + payloadBytes))
    entry.set(salt)
    writeU53(entry, 8, commitNumber)
    writeU32(entry, 16, payloadBytes)
    let at = headerBytes
    for (const { key, value } of changes) {
      writeU32(entry, at, key.length)
      writeU32(entry, at + 4, value === null ? deleted : value.length)
      entry.set(key, at + changeHeaderBytes)
      at += changeHeaderBytes + key.length
      if (value === null) continue
      entry.set(value, at)
      at += value.length
    }
    entry.fill(0, at)
    writeU32(entry, 20, checksumOf(entry, 0, payloadBytes))
    return entry
  }

  #memoryOf(bytes: number): Uint8Array {
    if (bytes > this.#memory.length) this.#memory = new Uint8Array(bytes)
    return this.#memory.subarray(0, bytes)
  }
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
    at = valueBytes === deleted ? valueAt : valueAt + valueBytes
    const value = valueBytes === deleted ? null : bytes.subarray(valueAt, at)
    changes.push({ key: bytes.subarray(keyAt, valueAt), value })
  }
  return changes
}

const payloadBytesOf = (changes: readonly RowChange[]): number =>
  changes.reduce(
    (sum, { key, value }) => sum + changeHeaderBytes + key.length + (value?.length ?? 0),
    0,
  )

function checksumOf(bytes: Uint8Array, at: number, payloadBytes: number): number {
  const payloadAt = at + headerBytes
  const header = crc32(bytes.subarray(at, at + 20))
  return crc32(bytes.subarray(payloadAt, payloadAt + payloadBytes), header)
}

function startsWith(bytes: Uint8Array, at: number, salt: Uint8Array): boolean {
  for (let i = 0; i < saltBytes; i++) if (bytes[at + i] !== salt[i]) return false
  return true
}
