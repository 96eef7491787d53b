/**
 * The files of a log: `log/0` and `log/1` in the store's directory, used in turn. One takes the
 * entries of the active overlay; the other holds those of the frozen one until LMDB has them, and
 * is then ready to be used again. They are made together, and appear together or not at all.
 */
import { existsSync } from 'node:fs'
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { syncDirectory } from '../../runtime/node-disk.ts'
import type { Random } from '../../runtime/random.ts'
import { entryAlignment, type LogEntry, readEntry, saltBytes } from './entry.ts'
import type { Place } from './overlays.ts'
import {
  encodeHeader,
  entriesAt,
  headerOffsets,
  readHeader,
  type SegmentHeader,
} from './segment-header.ts'

const folderName = 'log'
/** Where new files are prepared. */
const nurseryName = 'new-log'

/** What one of the files holds. */
export interface LogPart {
  readonly place: Place
  readonly header: SegmentHeader
  readonly entries: readonly LogEntry[]
  /** Where the next entry goes. */
  readonly end: number
}

export const segmentPath = (directory: string, place: Place): string =>
  join(directory, folderName, `${place}`)

export const hasLog = (directory: string): boolean => existsSync(join(directory, folderName))

export async function createLog(directory: string, random: Random): Promise<void> {
  const nursery = join(directory, nurseryName)
  await rm(nursery, { recursive: true, force: true })
  await mkdir(nursery)
  for (const place of [0, 1]) {
    const header = { sequence: place + 1, afterCommit: 0, salt: random.bytes(saltBytes) }
    const file = await open(join(nursery, `${place}`), 'wx', 0o600)
    try {
      for (const at of headerOffsets) await file.write(encodeHeader(header), 0, null, at)
      await file.sync()
    } finally {
      await file.close()
    }
  }
  await syncDirectory(nursery)
  await rename(nursery, join(directory, folderName))
  await syncDirectory(directory)
}

/**
 * Both parts, the earlier one first. Throws where a commit is missing that was acknowledged.
 */
export async function readLog(directory: string): Promise<readonly [LogPart, LogPart]> {
  const [first, second] = [await readPart(directory, 0), await readPart(directory, 1)]
  const isInOrder = first.header.sequence < second.header.sequence
  const [earlier, later] = isInOrder ? [first, second] : [second, first]
  const numbers = [earlier, later].flatMap(({ entries }) =>
    entries.map(({ commitNumber }) => commitNumber),
  )
  const gap = numbers.findIndex((number, i) => i > 0 && number !== (numbers[i - 1] as number) + 1)
  if (gap >= 0) throw new Error(`log/${later.place} begins after commits that are missing`)
  return [earlier, later]
}

/**
 * What a segment holds. The last entry may be torn, because it was being written when the power
 * went: nobody was told of it, and it is cut. Throws where sound entries come after a damaged one.
 */
async function readPart(directory: string, place: Place): Promise<LogPart> {
  const file = await readFile(segmentPath(directory, place))
  const header = readHeader(file)
  if (header === undefined) throw new Error(`the header of log/${place} is damaged`)
  const entries: LogEntry[] = []
  let end: number = entriesAt
  for (let entry = readEntry(file, end, header.salt); entry !== undefined; ) {
    entries.push(entry)
    end = entry.end
    entry = readEntry(file, end, header.salt)
  }
  for (let at = end + entryAlignment; at < file.length; at += entryAlignment) {
    if (readEntry(file, at, header.salt) === undefined) continue
    throw new Error(`log/${place} is damaged at byte ${end}, before its last entry`)
  }
  return { place, header, entries, end }
}
