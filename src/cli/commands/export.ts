/** `denizen export`: the records of a dataset in key order, as `denizen import` takes them. */
import { once } from 'node:events'
import { type Command, Option } from 'commander'
import type { Format } from '../../api/media-type.ts'
import { concatBytes } from '../../model/bytes.ts'
import { examples, withJson, withUrl } from '../arguments.ts'
import { clusterViewIfAllowed } from '../cluster-view.ts'
import { usageError } from '../exit-codes.ts'
import { createExport, type Reached, reopenExport } from '../export/export-file.ts'
import { exportItem } from '../export/export-item.ts'
import { readPages } from '../export/pages.ts'
import { startProgress } from '../import/progress.ts'
import {
  type FormatName,
  formatNames,
  formatOfFile,
  formatOfName,
} from '../import/record-source.ts'
import type { Terminal } from '../terminal.ts'

interface ExportOptions {
  readonly url: string
  readonly dataset?: string
  readonly group?: string
  readonly prefix: string
  readonly format?: FormatName
  readonly out?: string
  readonly resume: boolean
  readonly json: boolean
}

export function registerExport(program: Command, terminal: Terminal): void {
  const command = program
    .command('export [dataset]')
    .description('write the records of a dataset, or of one group, to a file, in key order')
    .option('--dataset <name>', 'the dataset to read, where it is not named before')
  withJson(withUrl(command))
    .option('--prefix <prefix>', 'only keys that begin with it', '')
    .option('--group <group>', 'only the keys of one group, as its home has them, with versions')
    .addOption(
      new Option('--format <format>', 'form of the file (default: by its name, or ndjson)').choices(
        formatNames,
      ),
    )
    .option('--out <file>', 'where to write (default: standard output)')
    .option('--resume', 'go on behind the last record of the file', false)
    .addHelpText(
      'after',
      examples(
        'denizen export --dataset cities --prefix jp/ > japan.ndjson',
        'denizen export profiles --group anna --out anna.ndjson',
        'denizen export --dataset profiles --out profiles.cbor-seq',
        'denizen export --dataset profiles --out profiles.cbor-seq --resume',
      ),
    )
    .action((dataset: string | undefined, options: ExportOptions) =>
      run({ ...options, ...(dataset !== undefined && { dataset }) }, terminal),
    )
}

async function run(options: ExportOptions, terminal: Terminal): Promise<void> {
  const { url, dataset, prefix, group, out, resume, json } = options
  if (dataset === undefined) {
    throw usageError('no dataset is named', 'Write denizen export <dataset>, or --dataset.')
  }
  if (group !== undefined && prefix !== '') {
    throw usageError('both a group and a prefix are named', 'Leave one of them out.')
  }
  if (out === undefined && (resume || json)) {
    throw usageError('the records go to standard output', 'Name a file with --out.')
  }
  const format =
    options.format === undefined
      ? ((out === undefined ? undefined : formatOfFile(out)) ?? 'json')
      : formatOfName(options.format)
  const view = await clusterViewIfAllowed(url)
  const output = await openOutput(options, format)
  const progress = startProgress(terminal, `exporting ${dataset}`)
  let records = 0
  try {
    const after = output.reached?.key
    const query = {
      ...{ url, dataset, prefix },
      ...(group !== undefined && { group }),
      ...(after !== undefined && { after }),
    }
    const isTold = group !== undefined
    for await (const page of readPages(query, view)) {
      const items = page.map(record => exportItem(record, format, Date.now(), isTold))
      await output.write(concatBytes(...items))
      records += page.length
      progress.update(records)
    }
  } finally {
    progress.stop()
    await output.close()
  }
  const before = output.reached?.items ?? 0
  if (json) terminal.json({ records, before, file: out })
  else if (out !== undefined) {
    terminal.line(`${records} records written to ${out}${before > 0 ? `, behind ${before}` : ''}`)
  }
}

interface Output {
  /** How far an earlier run came, where this one goes on from there. */
  readonly reached?: Reached
  readonly write: (bytes: Uint8Array) => Promise<void>
  /** What was written is on disk then. */
  readonly close: () => Promise<void>
}

async function openOutput({ out, resume }: ExportOptions, format: Format): Promise<Output> {
  if (out === undefined) {
    const write = async (bytes: Uint8Array): Promise<void> => {
      if (!process.stdout.write(bytes)) await once(process.stdout, 'drain')
    }
    return { write, close: async () => {} }
  }
  const { file, reached } = resume
    ? await reopenExport(out, format)
    : { file: await createExport(out), reached: undefined }
  return {
    ...(reached && { reached }),
    write: bytes => file.appendFile(bytes),
    close: async () => {
      await file.sync()
      await file.close()
    },
  }
}
