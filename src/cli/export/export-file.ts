/**
 * The file of an export. What is in it says how far it came: keys are in order, so an export goes
 * on behind the last whole item, and whatever an interruption left behind that is cut.
 */
import { createReadStream, existsSync } from 'node:fs'
import { type FileHandle, open, truncate } from 'node:fs/promises'
import { z } from 'zod'
import { decodeFormat, type Format } from '../../api/media-type.ts'
import { DenizenError } from '../../model/errors.ts'
import { limits } from '../../model/limits.ts'
import { SequenceSplitter } from '../../protocol/sequence.ts'
import { usageError } from '../exit-codes.ts'

export interface Reached {
  /** The last whole item's key; undefined where there is none. */
  readonly key: string | undefined
  readonly items: number
}

const itemSchema = z.object({ key: z.string() })

/** Opens a new file. Throws `CliError` where there is one already. */
export async function createExport(path: string): Promise<FileHandle> {
  if (existsSync(path)) {
    throw usageError(
      `${path} exists already`,
      'Add --resume to go on behind its last record, or name another file.',
    )
  }
  return await open(path, 'wx')
}

/** Opens a file to go on behind its last whole item. Throws `CliError` if it is no export. */
export async function reopenExport(
  path: string,
  format: Format,
): Promise<{ readonly file: FileHandle; readonly reached: Reached }> {
  if (!existsSync(path))
    return { file: await open(path, 'wx'), reached: { key: undefined, items: 0 } }
  const splitter = new SequenceSplitter(format, limits.streamItemBytesMax)
  let wholeBytes = 0
  let items = 0
  let key: string | undefined
  try {
    for await (const piece of createReadStream(path)) {
      for (const item of splitter.push(piece)) {
        key = itemSchema.parse(decodeFormat(format, item)).key
        wholeBytes += item.length
        items += 1
      }
    }
  } catch (error) {
    if (!(error instanceof DenizenError || error instanceof z.ZodError)) throw error
    throw usageError(`item ${items + 1} of ${path} is no record of an export`, 'Name another file.')
  }
  await truncate(path, wholeBytes)
  return { file: await open(path, 'a'), reached: { key, items } }
}
