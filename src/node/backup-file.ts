/**
 * The backup of a node as a file:
 *
 *   "denizen-backup\n\1"
 *   frames: tag u8, length u32, payload
 *     H  header: JSON, see below
 *     P  the rows of one store begin: JSON {dataset, store}
 *     B  a block of rows, compressed with zstd: key length u32, value length u32, key, value, …
 *     M  manifest: JSON, rows and SHA-256 of each part
 *     E  SHA-256 of the manifest's payload; nothing comes after it
 *
 * It can be written as a stream, and read in one pass: the manifest at the end shows that the file
 * is whole. A part holds every row of one store, from one snapshot. Rows are what the engine port
 * gives, so that a backup made with one engine can be restored with another.
 */
import { createHash, type Hash } from 'node:crypto'
import { zstdCompressSync } from 'node:zlib'
import { z } from 'zod'
import { clusterRecordSchema } from '../coordination/cluster-record.ts'
import { concatBytes, utf8 } from '../model/bytes.ts'
import type { Row } from '../storage/engine.ts'
import { writeU32 } from '../storage/rows.ts'
import { datasetLayoutSchema } from './data-directory.ts'

export const backupMagic = utf8('denizen-backup\n\u0001')

export const frameTags = { header: 72, part: 80, block: 66, manifest: 77, end: 69 } as const
export const FRAME_HEAD_BYTES = 5
export const ROW_HEAD_BYTES = 8

export const backupHeaderSchema = z.strictObject({
  nodeId: z.string().min(1),
  region: z.string().min(1),
  /** Where the file is kept: a region too, because a backup is a copy. */
  place: z.string().min(1),
  writtenBy: z.string().min(1),
  /** The cluster record that was in force: with it the policy, and the format of the data. */
  record: clusterRecordSchema,
  datasets: z.array(datasetLayoutSchema),
})
export type BackupHeader = z.infer<typeof backupHeaderSchema>

export const partSchema = z.strictObject({ dataset: z.string().min(1), store: z.int().min(0) })
export type BackupPart = z.infer<typeof partSchema>

const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/)

export const backupManifestSchema = z.strictObject({
  headerSha256: sha256Schema,
  parts: z.array(partSchema.extend({ rows: z.int().min(0), sha256: sha256Schema })),
})
export type BackupManifest = z.infer<typeof backupManifestSchema>

/** One store, with its rows from one snapshot: they are read in one turn of the event loop. */
export interface BackupStore extends BackupPart {
  readonly rows: () => Iterable<Row>
}

/** Bytes of rows in one block before it is compressed; a larger row has a block of its own. */
const BLOCK_BYTES = 1024 * 1024

export const sha256 = (): Hash => createHash('sha256')

/** The bytes of a backup, in pieces. Whoever reads them holds a snapshot of one store at a time. */
export function* backupBytes(
  header: BackupHeader,
  stores: Iterable<BackupStore>,
): IterableIterator<Uint8Array> {
  const headerBytes = utf8(JSON.stringify(header))
  yield concatBytes(backupMagic, frame(frameTags.header, headerBytes))
  const parts: BackupManifest['parts'] = []
  for (const { dataset, store, rows } of stores) {
    const part = { dataset, store }
    yield frame(frameTags.part, utf8(JSON.stringify(part)))
    const hash = sha256()
    let count = 0
    for (const block of blocksOf(rows())) {
      count += block.rows
      const payload = zstdCompressSync(block.bytes)
      hash.update(payload)
      yield frame(frameTags.block, payload)
    }
    parts.push({ ...part, rows: count, sha256: hash.digest('hex') })
  }
  const headerSha256 = sha256().update(headerBytes).digest('hex')
  const manifest = utf8(JSON.stringify({ headerSha256, parts } satisfies BackupManifest))
  yield frame(frameTags.manifest, manifest)
  yield frame(frameTags.end, sha256().update(manifest).digest())
}

function* blocksOf(rows: Iterable<Row>): IterableIterator<{ rows: number; bytes: Uint8Array }> {
  let gathered: Uint8Array[] = []
  let size = 0
  const block = (): { rows: number; bytes: Uint8Array } => {
    const made = { rows: gathered.length / 3, bytes: concatBytes(...gathered) }
    gathered = []
    size = 0
    return made
  }
  for (const { key, value } of rows) {
    const head = new Uint8Array(ROW_HEAD_BYTES)
    writeU32(head, 0, key.length)
    writeU32(head, 4, value.length)
    gathered.push(head, key, value)
    size += head.length + key.length + value.length
    if (size >= BLOCK_BYTES) yield block()
  }
  if (gathered.length > 0) yield block()
}

function frame(tag: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEAD_BYTES + payload.length)
  bytes[0] = tag
  writeU32(bytes, 1, payload.length)
  bytes.set(payload, FRAME_HEAD_BYTES)
  return bytes
}

/** Every row of a store. */
export const everyRow = { from: Uint8Array.of(0), to: Uint8Array.of(0xff) }
