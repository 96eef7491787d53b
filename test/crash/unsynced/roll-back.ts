/** Turns what a killed process left into what a power cut would have left: see undo-journal.c. */
import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  linkSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { assert } from '../../../src/model/assert.ts'

export interface RollBackOptions {
  /**
   * Asked once per unsynced write whether it reached the disk all the same, as the system may
   * write pages when it likes. Default: none did.
   */
  readonly survives?: () => boolean
}

export interface RolledBack {
  readonly writes: number
  readonly names: number
}

/** What undo-journal.c calls `struct record`, and the bytes that follow it. */
interface WriteRecord {
  readonly durable: boolean
  readonly offset: number
  readonly oldLength: number
  readonly writtenBytes: number
  readonly bytes: Buffer
}

interface NameRecord {
  readonly order: bigint
  readonly directory: string
  readonly undo: 'made' | 'renamed'
  readonly paths: readonly string[]
}

const recordBytes = 40
const magic = 0x4f444e55

/** Applies the journals of a directory and empties it. The process that wrote them is dead. */
export function rollBack(journals: string, options: RollBackOptions = {}): RolledBack {
  if (!existsSync(join(journals, 'root'))) return { writes: 0, names: 0 }
  const root = readFileSync(join(journals, 'root'), 'utf8')
  const paths = new Map([...entriesBelow(root), ...entriesBelow(journals)])
  paths.set(identity(root), root)
  let writes = 0
  let names: NameRecord[] = []
  for (const journal of readdirSync(journals)) {
    const path = paths.get(journal.slice(journal.indexOf('-') + 1))
    if (path === undefined) continue
    const content = readFileSync(join(journals, journal))
    if (journal.startsWith('data-')) writes += undoWrites(path, writesIn(content), options)
    if (journal.startsWith('names-')) names = names.concat(namesIn(content, path))
  }
  names.sort((a, b) => (a.order < b.order ? 1 : -1))
  for (const name of names) undoName(name)
  for (const journal of readdirSync(journals)) rmSync(join(journals, journal))
  return { writes, names: names.length }
}

function undoWrites(path: string, records: WriteRecord[], options: RollBackOptions): number {
  const file = openSync(path, 'r+')
  try {
    const unsynced = records.filter(record => !record.durable)
    const survivors = unsynced
      .filter(() => options.survives?.() ?? false)
      .map(record => ({ offset: record.offset, bytes: contentAt(file, record) }))
    for (const record of unsynced.reverse()) {
      writeAll(file, record.bytes, record.offset)
      ftruncateSync(file, record.oldLength)
    }
    const durable = records.filter(record => record.durable)
    for (const { offset, bytes } of [...survivors, ...durable]) writeAll(file, bytes, offset)
    return unsynced.length - survivors.length
  } finally {
    closeSync(file)
  }
}

function contentAt(file: number, record: WriteRecord): Buffer {
  const { size } = fstatSync(file)
  const bytes = Buffer.alloc(Math.max(0, Math.min(record.writtenBytes, size - record.offset)))
  readSync(file, bytes, 0, bytes.length, record.offset)
  return bytes
}

function writeAll(file: number, bytes: Buffer, offset: number): void {
  for (let at = 0; at < bytes.length; ) {
    at += writeSync(file, bytes, at, bytes.length - at, offset + at)
  }
}

/** The journal of a file. A record that the kill cut off was followed by no write. */
function writesIn(content: Buffer): WriteRecord[] {
  const records: WriteRecord[] = []
  for (let at = 0; at + recordBytes <= content.length; ) {
    assert(content.readUInt32LE(at) === magic, 'a journal is a sequence of records')
    const number = (index: number) => Number(content.readBigUInt64LE(at + 8 + 8 * index))
    const end = at + recordBytes + number(2)
    if (end > content.length) break
    records.push({
      durable: content.readUInt32LE(at + 4) === 1,
      offset: number(0),
      oldLength: number(1),
      writtenBytes: number(3),
      bytes: content.subarray(at + recordBytes, end),
    })
    at = end
  }
  return records
}

/** The journal of a directory, less what another directory of the same inode number left. */
function namesIn(content: Buffer, directory: string): NameRecord[] {
  const lines = content.toString().split('\n').slice(0, -1)
  return lines
    .map(line => line.split('\t'))
    .map(([order = '', undo, ...paths]) => {
      assert(undo === 'made' || undo === 'renamed', 'a journal of names has two kinds of lines')
      return { order: BigInt(order), directory, undo, paths } as const
    })
    .filter(({ undo, paths }) => dirname(paths[undo === 'made' ? 0 : 1] ?? '') === directory)
}

function undoName({ undo, paths }: NameRecord): void {
  const [first = '', target = '', kept = '-'] = paths
  if (undo === 'made') {
    rmSync(first, { recursive: true, force: true })
    return
  }
  // The line comes before the rename, which may not have happened.
  if (existsSync(first) || !existsSync(target)) return
  if (existsSync(dirname(first))) renameSync(target, first)
  else rmSync(target, { recursive: true })
  if (kept !== '-') linkSync(kept, target)
}

const identity = (path: string): string => {
  const { dev, ino } = statSync(path, { bigint: true })
  return `${dev}-${ino}`
}

function entriesBelow(directory: string): [string, string][] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).map(name => {
    const path = join(directory, name)
    return [identity(path), path]
  })
}
