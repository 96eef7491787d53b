/** `denizen del`: deletes a key. */
import type { Command } from 'commander'
import { examples, withJson, withUrl } from '../arguments.ts'
import { ask } from '../http-client.ts'
import { keyPath, receiptOf, receiptText } from '../key-target.ts'
import type { Terminal } from '../terminal.ts'
import { etag } from './put.ts'

interface DeleteOptions {
  readonly url: string
  readonly ifMatch?: string
  readonly json: boolean
}

export function registerDelete(program: Command, terminal: Terminal): void {
  withJson(withUrl(program.command('del <dataset> <key>').description('delete a key')))
    .option('--if-match <version>', 'delete only this version; * for any')
    .addHelpText('after', examples('denizen del cities tour/hello'))
    .action(async (dataset: string, key: string, options: DeleteOptions) => {
      const reply = await ask({
        method: 'DELETE',
        url: options.url,
        path: keyPath('kv', dataset, key),
        ...(options.ifMatch && { headers: { 'if-match': etag(options.ifMatch) } }),
      })
      if (options.json) terminal.json({ deleted: true, ...receiptOf(reply) })
      else terminal.line(`deleted: ${receiptText(receiptOf(reply))}`)
    })
}
