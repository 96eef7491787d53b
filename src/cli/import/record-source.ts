/** What an import reads: a file, or standard input as `-`. */
import { createReadStream, type Stats, statSync } from 'node:fs'
import { basename, extname, resolve } from 'node:path'
import type { Format } from '../../api/media-type.ts'
import { usageError } from '../exit-codes.ts'

export interface RecordSource {
  readonly format: Format
  /** Tells this content from other content of the same name. */
  readonly id: string
  /** Undefined for standard input. */
  readonly file?: { readonly path: string; readonly sizeBytes: number }
  readonly pieces: AsyncIterable<Uint8Array>
}

/** Names of the forms, as they are typed. */
export const formatNames = ['ndjson', 'cbor-seq'] as const
export type FormatName = (typeof formatNames)[number]

export const formatOfName = (name: FormatName): Format => (name === 'ndjson' ? 'json' : 'cbor')

const formatOfExtension: Readonly<Record<string, Format>> = {
  '.ndjson': 'json',
  '.jsonl': 'json',
  '.cbor-seq': 'cbor',
  '.cborseq': 'cbor',
  '.cbors': 'cbor',
}

/** The form that a file's name tells. */
export const formatOfFile = (path: string): Format | undefined =>
  formatOfExtension[extname(path).toLowerCase()]

/** Throws `CliError` where there is no such file, or nothing tells its form. */
export function openSource(name: string, format: FormatName | undefined): RecordSource {
  const told = format === undefined ? formatOfFile(name) : formatOfName(format)
  if (told === undefined) {
    throw usageError(
      `nothing tells the form of ${name === '-' ? 'standard input' : basename(name)}`,
      `Add --format ${formatNames.join(' or --format ')}.`,
    )
  }
  if (name === '-') return { format: told, id: 'standard input', pieces: process.stdin }
  const path = resolve(name)
  const { size, mtimeMs } = statOf(path)
  return {
    format: told,
    id: `${path} ${size} ${mtimeMs}`,
    file: { path, sizeBytes: size },
    pieces: createReadStream(path),
  }
}

function statOf(path: string): Stats {
  try {
    return statSync(path)
  } catch (error) {
    throw usageError(
      `the file can not be read: ${error instanceof Error ? error.message : String(error)}`,
      '"denizen import --help" has examples; - reads standard input.',
    )
  }
}
