/** Reads the file of a backup in one pass, in bounded memory, and holds it against its manifest. */
import { type FileHandle, open } from 'node:fs/promises'
import { zstdDecompressSync } from 'node:zlib'
import type { z } from 'zod'
import { assert } from '../model/assert.ts'
import { compareBytes, fromUtf8 } from '../model/bytes.ts'
import { limits } from '../model/limits.ts'
import type { RowChange } from '../storage/engine.ts'
import { readU32 } from '../storage/rows.ts'
import {
  type BackupHeader,
  type BackupManifest,
  type BackupPart,
  backupHeaderSchema,
  backupMagic,
  backupManifestSchema,
  FRAME_HEAD_BYTES,
  frameTags,
  partSchema,
  ROW_HEAD_BYTES,
  sha256,
} from './backup-file.ts'
import { StartError } from './start-error.ts'

export type BackupEvent =
  | { readonly kind: 'header'; readonly header: BackupHeader }
  | ({ readonly kind: 'part' } & BackupPart)
  /** Rows of the part that began last. */
  | { readonly kind: 'rows'; readonly rows: readonly Required<RowChange>[] }
  /** The file is whole, and as it was written. */
  | { readonly kind: 'whole'; readonly manifest: BackupManifest }

/**
 * What the file holds, in order. What comes before `whole` is not to be relied on. Throws
 * `StartError` for a file that is no backup, is damaged, or ends early.
 */
export async function* readBackup(path: string): AsyncGenerator<BackupEvent> {
  const file = await openBackup(path)
  try {
    yield* events(new Frames(file, path), path)
  } finally {
    await file.close()
  }
}

/** Reads all of it. Throws `StartError` unless it is whole. */
export async function verifyBackup(
  path: string,
): Promise<{ header: BackupHeader; manifest: BackupManifest }> {
  let header: BackupHeader | undefined
  let manifest: BackupManifest | undefined
  for await (const event of readBackup(path)) {
    if (event.kind === 'header') header = event.header
    if (event.kind === 'whole') manifest = event.manifest
  }
  assert(header && manifest, 'a backup that is whole has a header and a manifest')
  return { header, manifest }
}

async function* events(frames: Frames, path: string): AsyncGenerator<BackupEvent> {
  await frames.magic()
  const first = await frames.next(frameTags.header)
  const headerSha256 = sha256().update(first.payload).digest('hex')
  yield { kind: 'header', header: parsed(backupHeaderSchema, first.payload, path) }
  const parts: BackupManifest['parts'] = []
  let hash = sha256()
  let rows = 0
  let part: BackupPart | undefined
  const endPart = (): void => {
    if (part) parts.push({ ...part, rows, sha256: hash.digest('hex') })
    hash = sha256()
    rows = 0
  }
  for (;;) {
    const { tag, payload } = await frames.next()
    if (tag === frameTags.block && part) {
      hash.update(payload)
      const block = rowsOf(payload, path)
      rows += block.length
      yield { kind: 'rows', rows: block }
    } else if (tag === frameTags.part) {
      endPart()
      part = parsed(partSchema, payload, path)
      yield { kind: 'part', ...part }
    } else if (tag === frameTags.manifest) {
      endPart()
      const end = await frames.next(frameTags.end)
      const manifestSha256 = sha256().update(payload).digest()
      if (compareBytes(end.payload, manifestSha256) !== 0) throw damaged(path, 'its manifest')
      const manifest = parsed(backupManifestSchema, payload, path)
      const found: BackupManifest = { headerSha256, parts }
      if (JSON.stringify(manifest) !== JSON.stringify(found)) throw damaged(path, 'what it holds')
      await frames.end()
      yield { kind: 'whole', manifest }
      return
    } else throw damaged(path, 'the order of its parts')
  }
}

/** The frames of a file, one after the other. */
class Frames {
  readonly #file: FileHandle
  readonly #path: string

  constructor(file: FileHandle, path: string) {
    this.#file = file
    this.#path = path
  }

  async magic(): Promise<void> {
    const magic = await this.#read(backupMagic.length)
    if (compareBytes(magic, backupMagic) === 0) return
    throw new StartError(`${this.#path} is no backup of denizen`, 'Name what denizen backup wrote.')
  }

  /** `tag`: the only one that may come here. */
  async next(tag?: number): Promise<{ tag: number; payload: Uint8Array }> {
    const head = await this.#read(FRAME_HEAD_BYTES)
    const length = readU32(head, 1)
    const found = head[0] ?? 0
    if ((tag !== undefined && found !== tag) || length > limits.backupFrameBytesMax) {
      throw damaged(this.#path, 'the order of its parts')
    }
    return { tag: found, payload: await this.#read(length) }
  }

  async end(): Promise<void> {
    const { bytesRead } = await this.#file.read(new Uint8Array(1), 0, 1, null)
    if (bytesRead > 0) throw damaged(this.#path, 'what comes after its end')
  }

  async #read(length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length)
    for (let at = 0; at < length; ) {
      const { bytesRead } = await this.#file.read(bytes, at, length - at, null)
      if (bytesRead === 0) throw damaged(this.#path, 'its end, which is missing')
      at += bytesRead
    }
    return bytes
  }
}

/** Throws `StartError` where the bytes are not what was written. */
function rowsOf(payload: Uint8Array, path: string): Required<RowChange>[] {
  const bytes = unzipped(payload, path)
  const rows: Required<RowChange>[] = []
  for (let at = 0; at < bytes.length; ) {
    const keyAt = at + ROW_HEAD_BYTES
    const valueAt = keyAt + readU32(bytes, at)
    const end = valueAt + readU32(bytes, at + 4)
    if (end > bytes.length) throw damaged(path, 'a block of rows')
    rows.push({ key: bytes.subarray(keyAt, valueAt), value: bytes.subarray(valueAt, end) })
    at = end
  }
  return rows
}

function unzipped(payload: Uint8Array, path: string): Uint8Array {
  try {
    return zstdDecompressSync(payload, { maxOutputLength: limits.backupFrameBytesMax })
  } catch {
    throw damaged(path, 'a block of rows')
  }
}

function parsed<T>(schema: z.ZodType<T>, payload: Uint8Array, path: string): T {
  try {
    return schema.parse(JSON.parse(fromUtf8(payload)))
  } catch {
    throw damaged(path, 'what it says of itself')
  }
}

async function openBackup(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r')
  } catch {
    throw new StartError(`${path} can not be read`, 'Name the file that denizen backup wrote.')
  }
}

const damaged = (path: string, what: string): StartError =>
  new StartError(`the backup ${path} is damaged: ${what}`, 'Use another backup of this node.')
