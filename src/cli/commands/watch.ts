/** `denizen watch`: the keys under a prefix, and then their changes as they come. */
import type { Command } from 'commander'
import { examples, withJson, withUrl } from '../arguments.ts'
import { unreachable } from '../http-client.ts'
import { stopRequested } from '../signals.ts'
import type { Terminal } from '../terminal.ts'
import { follow, type WatchListener } from '../watch/follow.ts'
import type { WatchChange } from '../watch/watch-stream.ts'

interface WatchOptions {
  readonly url: string
  readonly json: boolean
}

export function registerWatch(program: Command, terminal: Terminal): void {
  const command = program
    .command('watch <dataset> [prefix]')
    .description('show keys and their values, and then every change, until Ctrl-C')
  withJson(withUrl(command))
    .addHelpText('after', examples('denizen watch cities jp/', 'denizen watch cities --json'))
    .action((dataset: string, prefix: string | undefined, options: WatchOptions) =>
      run(dataset, prefix ?? '', options, terminal),
    )
}

async function run(
  dataset: string,
  prefix: string,
  { url, json }: WatchOptions,
  terminal: Terminal,
): Promise<void> {
  const stop = new AbortController()
  void stopRequested().then(() => stop.abort())
  const query = { url, dataset, prefix, signal: stop.signal }
  await follow(query, json ? jsonLines(terminal) : lines(terminal)).catch(unreachable(url))
}

/** Remarks go to standard error: they are no changes. */
const lines = (terminal: Terminal): WatchListener => ({
  onChange: change => terminal.line(lineOf(change)),
  onLive: () => terminal.note('live: changes from here on'),
  onRestart: () => terminal.note('the node has forgotten what came since: starting again'),
  onInterruption: reason => terminal.note(`${reason}: connecting again`),
})

/** One object a line; `restart` says to drop what does not come again before the next `live`. */
const jsonLines = (terminal: Terminal): WatchListener => {
  const line = (item: object): void => terminal.line(JSON.stringify(item))
  return {
    onChange: ({ cursor: _, ...change }) => line(change),
    onLive: () => line({ event: 'live' }),
    onRestart: () => line({ event: 'restart' }),
    onInterruption: reason => terminal.note(`${reason}: connecting again`),
  }
}

const lineOf = ({ key, deleted, value, bytes }: WatchChange): string => {
  if (deleted) return `${key}\t(deleted)`
  return `${key}\t${bytes === undefined ? JSON.stringify(value) : `(bytes) ${bytes}`}`
}
