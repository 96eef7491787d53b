/** `denizen rehome`: moves the home of one group to another region. */
import type { Command } from 'commander'
import { rehomedSchema } from '../../api/view-schemas.ts'
import { examples, withJson, withUrl } from '../arguments.ts'
import { ask, decodeData } from '../http-client.ts'
import { keyPath } from '../key-target.ts'
import type { Terminal } from '../terminal.ts'

interface RehomeOptions {
  readonly to: string
  readonly url: string
  readonly json: boolean
}

export function registerRehome(program: Command, terminal: Terminal): void {
  const command = program
    .command('rehome <dataset> <group>')
    .description('move the home of a group (or of a key, where keys are groups) to another region')
    .requiredOption('--to <region>', 'the region that is to be its home')
  withJson(withUrl(command))
    .addHelpText(
      'after',
      [
        examples('denizen rehome cities jp/tokyo-1850147 --to ap-northeast'),
        '\n\nWrites go on: those that meet the move wait for about one round trip between the regions.',
        '\ndenizen explain says where a group lives, since when, and why.',
      ].join(''),
    )
    .action(async (dataset: string, group: string, options: RehomeOptions) => {
      const path = keyPath('admin/rehome', dataset, group)
      const to = encodeURIComponent(options.to)
      const headers = { accept: 'application/json' }
      const { url } = options
      const reply = await ask({ method: 'POST', url, path: `${path}?to=${to}`, headers })
      const rehomed = rehomedSchema.parse(decodeData(reply))
      if (options.json) terminal.json(rehomed)
      else terminal.line(textOf(rehomed))
    })
}

const textOf = ({ group, from, home, term }: ReturnType<typeof rehomedSchema.parse>): string =>
  from === home
    ? `${group} has its home in ${home} already`
    : `${group} has moved from ${from} to ${home}, since term ${term}`
