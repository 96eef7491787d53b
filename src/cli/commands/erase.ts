/** `denizen erase`: removes a group from all regions, and says what it can show of that. */
import { existsSync, writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { parseReceipt, type Receipt } from '../../receipts/receipt.ts'
import { examples, withJson, withUrl } from '../arguments.ts'
import { exitCodes, usageError } from '../exit-codes.ts'
import { ask, decodeData } from '../http-client.ts'
import { keyPath } from '../key-target.ts'
import type { Terminal } from '../terminal.ts'
import { receiptText } from './receipt.ts'

interface EraseOptions {
  readonly url: string
  readonly receipt?: string
  readonly out?: string
  readonly json: boolean
}

export function registerErase(program: Command, terminal: Terminal): void {
  const command = program
    .command('erase <dataset> [group]')
    .description('erase a group (or a key, where keys are groups) in all regions, with a receipt')
    .option(
      '--receipt <hash>',
      'erase nothing: a newer receipt of an erasure, named as in its last',
    )
    .option('--out <file>', 'where to write the receipt')
  withJson(withUrl(command))
    .addHelpText(
      'after',
      [
        examples(
          'denizen erase profiles anna --out anna-erased.json',
          'denizen erase profiles --receipt mXq0…Zk --out anna-erased.json',
        ),
        '\n\nExit code 1 while a region has not confirmed: the receipt says which and why. The erasure',
        '\ngoes on by itself. Ask for a newer receipt with --receipt, and the group that the first one',
        '\nnames; a second erase would erase what was written since.',
      ].join(''),
    )
    .action((dataset: string, group: string | undefined, options: EraseOptions) =>
      erase(terminal, dataset, group, options),
    )
}

async function erase(
  terminal: Terminal,
  dataset: string,
  group: string | undefined,
  { url, receipt: hash, out, json }: EraseOptions,
): Promise<void> {
  if ((group === undefined) === (hash === undefined)) {
    throw usageError('it takes either a group, or --receipt', 'See denizen erase --help.')
  }
  if (out !== undefined && existsSync(out)) {
    throw usageError(`${out} exists already`, 'Name another file: receipts are kept.')
  }
  const headers = { accept: 'application/json' }
  const query = new URLSearchParams({ dataset, group: hash ?? '' })
  const reply = await ask(
    group === undefined
      ? { method: 'GET', url, path: `/v1/admin/erasures?${query}`, headers }
      : { method: 'POST', url, path: keyPath('admin/erase', dataset, group), headers },
  )
  const receipt: Receipt = parseReceipt(decodeData(reply))
  if (out !== undefined) writeFileSync(out, `${JSON.stringify(receipt, null, 2)}\n`, { flag: 'wx' })
  if (json) terminal.json(receipt)
  else for (const line of receiptText(receipt)) terminal.line(line)
  if (receipt.open.length > 0) terminal.exitCode = exitCodes.failed
}
