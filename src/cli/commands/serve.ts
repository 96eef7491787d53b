/** `denizen serve`: one node of one region, until a signal, or the end of the process above it. */
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { createLogger } from '../../runtime/log.ts'
import { formatAddress, type HostPort } from '../../runtime/network.ts'
import {
  collectPeer,
  examples,
  integerIn,
  parseHostPort,
  parseUrl,
  withConfig,
} from '../arguments.ts'
import { exitCodes, usageError } from '../exit-codes.ts'
import { isLoopback } from '../loopback.ts'
import { stopRequested } from '../signals.ts'
import type { Terminal } from '../terminal.ts'
import { clientTls, peerTls, type TlsOptions, withTls } from '../tls-options.ts'

interface ServeOptions extends TlsOptions {
  readonly region: string
  readonly config: string
  readonly data: string
  readonly listen: HostPort
  readonly peerListen: HostPort
  readonly peer: ReadonlyMap<string, string>
  readonly advertise?: string
  readonly threads: number
  readonly othersStopped: boolean
  readonly lost: readonly string[]
  readonly access?: string
}

/** Closing takes a commit and a few sockets; whoever hangs longer is ended. */
const closeMaxMs = 8_000

export function registerServe(program: Command, terminal: Terminal): void {
  withTls(
    withConfig(
      program
        .command('serve')
        .description('run one node of a region')
        .requiredOption('--region <id>', 'the region that this node belongs to')
        .requiredOption('--data <dir>', 'where the node keeps its data'),
    ),
  )
    .option('--listen <host:port>', 'address of the key API', parseHostPort, {
      host: '127.0.0.1',
      port: 7001,
    })
    .option('--peer-listen <host:port>', 'address for the nodes of other regions', parseHostPort, {
      host: '127.0.0.1',
      port: 7101,
    })
    .option(
      '--peer <region=host:port>',
      "a region's --peer-listen address; repeat it for each, this one's own is passed over",
      collectPeer,
      new Map<string, string>(),
    )
    .option('--advertise <url>', 'public base URL (default: from --listen)', parseUrl)
    .option('--threads <n>', 'shard threads', integerIn(1, 64), Math.min(8, availableParallelism()))
    .option('--access <file>', 'who may do what; without it, whoever reaches --listen may do all')
    .option('--others-stopped', 'states that all other regions are stopped: serve at once', false)
    .option(
      '--lost <region...>',
      'states that these regions are lost for good: after a restore they are not waited for',
      [],
    )
    .addHelpText(
      'after',
      examples(
        'denizen serve --region eu-west --data data/eu-west --peer us-east=127.0.0.1:7103',
        'denizen serve --region us-east --data data/us-east --listen 127.0.0.1:7003 \\',
        '    --peer-listen 127.0.0.1:7103 --peer eu-west=127.0.0.1:7101',
      ),
    )
    .action((options: ServeOptions) => serve(options, terminal))
}

async function serve(options: ServeOptions, terminal: Terminal): Promise<void> {
  if (options.access === undefined) requireLoopback('--listen', options.listen)
  const tls = clientTls(options)
  const peerFiles = peerTls(options, options)
  const { startNode } = await import('../../node/node.ts')
  const stop = stopRequested()
  const scheme = tls ? 'https' : 'http'
  const advertise = options.advertise ?? `${scheme}://${formatAddress(options.listen)}`
  const starting = startNode({
    region: options.region,
    configPath: resolve(options.config),
    dataDirectory: resolve(options.data),
    listen: options.listen,
    peerListen: options.peerListen,
    peers: new Map([...options.peer].filter(([region]) => region !== options.region)),
    tls,
    peerTls: peerFiles,
    advertise,
    threads: options.threads,
    othersStopped: options.othersStopped,
    lost: new Set(options.lost),
    accessPath: options.access === undefined ? undefined : resolve(options.access),
    log: createLogger({ base: { region: options.region } }),
  })
  // A node may wait long for the others before it serves; until then it has nothing to close.
  const node = await Promise.race([starting, stop.then(() => undefined)])
  if (node === undefined) process.exit(terminal.exitCode)
  terminal.line(`denizen serving ${options.region} at ${advertise}`)
  const ended = await Promise.race([node.stopped, stop.then(() => 'asked' as const)])
  if (ended === 'asked') {
    setTimeout(() => process.exit(exitCodes.failed), closeMaxMs).unref()
    await node.close()
  } else if (ended.reason !== undefined) {
    terminal.failure(`the node stopped: ${ended.reason}`, 'Its log says more.')
    terminal.exitCode = exitCodes.failed
  }
  // What the log and the terminal got is written by now: both are synchronous.
  process.exit(terminal.exitCode)
}

/** Without rules of access, whoever reaches a port may read and write everything. */
function requireLoopback(option: string, { host, port }: HostPort): void {
  if (isLoopback({ host })) return
  throw usageError(
    `${option} ${formatAddress({ host, port })} is refused: without an access file, whoever reaches it may read and write everything`,
    `Give --access FILE (denizen token create makes one), or use ${option} 127.0.0.1:${port}.`,
  )
}
