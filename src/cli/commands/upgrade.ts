/** `denizen upgrade finalize`: puts the data format of a new version in force. */
import type { Command } from 'commander'
import { z } from 'zod'
import { examples, withJson, withUrl } from '../arguments.ts'
import { ask, decodeData } from '../http-client.ts'
import type { Terminal } from '../terminal.ts'

interface FinalizeOptions {
  readonly url: string
  readonly json: boolean
}

const finalizedSchema = z.object({ dataFormat: z.int() })

export function registerUpgrade(program: Command, terminal: Terminal): void {
  const upgrade = program.command('upgrade').description('what ends an upgrade of all nodes')
  const command = upgrade
    .command('finalize')
    .description('put the newest data format in force that all nodes know')
  withJson(withUrl(command))
    .addHelpText(
      'after',
      [
        examples('denizen status', 'denizen upgrade finalize'),
        '\n\nUntil then every node can go back to the version before. Afterwards the older version',
        '\nrefuses the data directories. It is refused while a node is old, or can not be asked.',
      ].join(''),
    )
    .action((options: FinalizeOptions) => finalize(options, terminal))
}

async function finalize({ url, json }: FinalizeOptions, terminal: Terminal): Promise<void> {
  const headers = { accept: 'application/json' }
  const reply = await ask({ method: 'POST', url, path: '/v1/admin/upgrade/finalize', headers })
  const finalized = finalizedSchema.parse(decodeData(reply))
  if (json) terminal.json(finalized)
  else terminal.line(`data format ${finalized.dataFormat} is in force`)
}
