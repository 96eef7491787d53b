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
import { stopRequested } from '../signals.ts'
import type { Terminal } from '../terminal.ts'

interface ServeOptions {
  readonly region: string
  readonly config: string
  readonly data: string
  readonly listen: HostPort
  readonly peerListen: HostPort
  readonly peer: ReadonlyMap<string, string>
  readonly advertise?: string
  readonly threads: number
  readonly othersStopped: boolean
}

/** Closing takes a commit and a few sockets; whoever hangs longer is ended. */
const closeMaxMs = 8_000

export function registerServe(program: Command, terminal: Terminal): void {
  withConfig(
    program
      .command('serve')
      .description('run one node of a region')
      .requiredOption('--region <id>', 'the region that this node belongs to')
      .requiredOption('--data <dir>', 'where the node keeps its data'),
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
      "another region's --peer-listen address; repeat it for each",
      collectPeer,
      new Map<string, string>(),
    )
    .option('--advertise <url>', 'public base URL (default: http:// and --listen)', parseUrl)
    .option('--threads <n>', 'shard threads', integerIn(1, 64), Math.min(8, availableParallelism()))
    .option('--others-stopped', 'states that all other regions are stopped: serve at once', false)
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
  requireLoopback('--listen', options.listen)
  requireLoopback('--peer-listen', options.peerListen)
  const { startNode } = await import('../../node/node.ts')
  const stop = stopRequested()
  const advertise = options.advertise ?? `http://${formatAddress(options.listen)}`
  const starting = startNode({
    region: options.region,
    configPath: resolve(options.config),
    dataDirectory: resolve(options.data),
    listen: options.listen,
    peerListen: options.peerListen,
    peers: options.peer,
    advertise,
    threads: options.threads,
    othersStopped: options.othersStopped,
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

/** Until there is authentication, whoever reaches a port may read and write everything. */
function requireLoopback(option: string, { host, port }: HostPort): void {
  if (host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)) return
  throw usageError(
    `${option} ${formatAddress({ host, port })} is refused: this version has no authentication, so it listens on loopback only`,
    `Use ${option} 127.0.0.1:${port}; to reach it from elsewhere, put a proxy or tunnel that authenticates in front.`,
  )
}
