/** `denizen del`: deletes a key. */
import type { Command } from 'commander'
import { examples, withAcks, withJson, withUrl } from '../arguments.ts'
import { ask } from '../http-client.ts'
import { keyPath, receiptOf, receiptText } from '../key-target.ts'
import type { Terminal } from '../terminal.ts'
import { etag } from './put.ts'

interface DeleteOptions {
  readonly url: string
  readonly ifMatch?: string
  readonly acks?: string
  readonly json: boolean
}

export function registerDelete(program: Command, terminal: Terminal): void {
  const command = program.command('del <dataset> <key>').description('delete a key')
  withAcks(withJson(withUrl(command)))
    .option('--if-match <version>', 'delete only this version; * for any')
    .addHelpText('after', examples('denizen del cities tour/hello'))
    .action(async (dataset: string, key: string, options: DeleteOptions) => {
      const reply = await ask({
        method: 'DELETE',
        url: options.url,
        path: keyPath('kv', dataset, key),
        headers: {
          ...(options.ifMatch && { 'if-match': etag(options.ifMatch) }),
          ...(options.acks && { 'denizen-acks': options.acks }),
        },
      })
      if (options.json) terminal.json({ deleted: true, ...receiptOf(reply) })
      else terminal.line(`deleted: ${receiptText(receiptOf(reply))}`)
    })
}
