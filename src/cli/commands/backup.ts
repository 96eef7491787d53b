/** `denizen backup`: one node's copies as a file, of a running node or of a stopped one. */
import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { BackupRequest } from '../../api/administration.ts'
import { errorKinds } from '../../model/error-kinds.ts'
import { DenizenError } from '../../model/errors.ts'
import { backUpStoppedNode } from '../../node/stopped-node.ts'
import { examples, withJson, withUrl } from '../arguments.ts'
import {
  backupPath,
  keepBackup,
  type WrittenBackup,
  writeAll,
  writeStream,
} from '../backup/backup-file.ts'
import { requestBackup } from '../backup/request-backup.ts'
import { usageError } from '../exit-codes.ts'
import { startProgress } from '../import/progress.ts'
import { formatTable } from '../table.ts'
import type { Terminal } from '../terminal.ts'

interface BackupOptions {
  readonly url: string
  readonly data?: string
  readonly out: string
  readonly place: string
  readonly dataset: readonly string[]
  readonly json: boolean
}

export function registerBackup(program: Command, terminal: Terminal): void {
  const command = program
    .command('backup')
    .description('write the copies of one node to a file')
    .requiredOption('--out <path>', 'the file to write, or a directory in which it gets a name')
    .requiredOption(
      '--place <region>',
      'the region where the file is to be kept: the policy must permit to store its datasets there',
    )
  withJson(withUrl(command))
    .option('--data <dir>', "a stopped node's data directory, in place of --url")
    .option('--dataset <name...>', 'only these datasets (default: all that the region stores)', [])
    .addHelpText(
      'after',
      [
        examples(
          'denizen backup --place eu-west --out eu-west.backup',
          'denizen backup --data data/eu-west --place eu-central --out backups/ --dataset profiles',
        ),
        '\n\nThe file holds values, keys and the secrets of the cluster: guard it like a data directory.',
      ].join(''),
    )
    .action((options: BackupOptions) => backup(options, terminal))
}

async function backup(options: BackupOptions, terminal: Terminal): Promise<void> {
  const { url, data, out, place, dataset: datasets, json } = options
  const request: BackupRequest = { place, datasets }
  const file = backupPath(resolve(out), Date.now())
  const written = await keepBackup(file, descriptor =>
    data === undefined
      ? ofRunningNode(url, request, descriptor, terminal)
      : ofStoppedNode(resolve(data), request, descriptor),
  )
  if (json) terminal.json(written)
  else show(terminal, written)
}

async function ofRunningNode(
  url: string,
  request: BackupRequest,
  descriptor: number,
  terminal: Terminal,
): Promise<void> {
  const body = await requestBackup(url, request)
  const progress = startProgress(terminal, 'KiB')
  let bytes = 0
  try {
    await writeStream(descriptor, body, more => {
      bytes += more
      progress.update(Math.floor(bytes / 1024))
    })
  } finally {
    progress.stop()
  }
}

async function ofStoppedNode(
  directory: string,
  request: BackupRequest,
  descriptor: number,
): Promise<void> {
  try {
    await backUpStoppedNode(directory, request, bytes => writeAll(descriptor, bytes))
  } catch (error) {
    if (!(error instanceof DenizenError)) throw error
    const { title, action } = errorKinds[error.code]
    throw usageError(`${title}: ${error.message} [${error.code}]`, action)
  }
}

function show(terminal: Terminal, { file, bytes, region, parts }: WrittenBackup): void {
  const rows = [...Map.groupBy(parts, ({ dataset }) => dataset)].map(([dataset, stores]) => [
    dataset,
    stores.reduce((sum, part) => sum + part.rows, 0),
  ])
  terminal.line(formatTable(terminal.colors, ['dataset', 'rows'], rows))
  terminal.line()
  terminal.line(`${region} is backed up in ${file} (${bytes} bytes)`)
}
