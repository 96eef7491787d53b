/** Redis, from Debian's packages: in memory alone, or with every write synced before its reply. */
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { freePorts } from '../../src/cli/dev/ports.ts'
import { valueText } from '../keys.ts'
import { programPath } from '../loads/program.ts'
import { redisKey, respCommand } from '../loads/resp-dialect.ts'
import type { Peer, PeerOptions } from './peer.ts'
import { ServerProcess } from './server-process.ts'
import { TextConnection } from './text-connection.ts'

const fillCommands = 500
const sampledKeys = 1_000

const programs = { redis: 'redis-server' } as const

export const redisMissing = (): string | undefined =>
  programPath(programs.redis) === undefined ? 'redis-server is not installed' : undefined

const persistence = {
  redis: ['--save', '', '--appendonly', 'no'],
  // Without rewrites of its log in the middle of a measurement: as fast as it can be.
  'redis-synced': [
    ...['--save', '', '--appendonly', 'yes', '--appendfsync', 'always'],
    ...['--auto-aof-rewrite-percentage', '0'],
  ],
}

export async function redisPeer(
  id: 'redis' | 'redis-synced',
  { directory }: PeerOptions,
): Promise<Peer> {
  const [port = 0] = await freePorts(1)
  const program = programPath(programs.redis) ?? programs.redis
  const version = /v=([\d.]+)/.exec(execFileSync(program, ['--version'], { encoding: 'utf8' }))?.[1]
  const dataDirectory = join(directory, 'data')
  mkdirSync(dataDirectory, { recursive: true })
  const server = new ServerProcess({
    name: 'redis-server',
    program,
    args: ['--bind', '127.0.0.1', '--port', `${port}`, '--dir', dataDirectory, ...persistence[id]],
    logFile: join(directory, 'redis.log'),
    isReady: async () => (await ask(port, 'PING')).startsWith('+PONG'),
  })
  return {
    id,
    about:
      id === 'redis'
        ? `Redis ${version}, in memory: a write is lost with the process`
        : `Redis ${version}, appendfsync always: a write is synced before its reply`,
    port,
    dialect: { kind: 'resp' },
    peakTool: { tool: 'redis-benchmark' },
    dataDirectory: id === 'redis' ? undefined : dataDirectory,
    get pid() {
      return server.pid
    },
    async start() {
      const ms = await server.start()
      // While it loads its data it refuses the question whether it is ready: no error of a load.
      await ask(port, 'CONFIG', 'RESETSTAT')
      return ms
    },
    stop: () => server.stop(),
    kill: () => server.kill(),
    fill: (fromKey, toKey, valueBytes) => fill(port, fromKey, toKey, valueBytes),
    verify: (keys, valueBytes) => verify(port, keys, valueBytes),
    checkCounters: () => checkCounters(port),
  }
}

const replyLines = (text: string): number => text.split('\r\n').length - 1

async function ask(port: number, ...words: readonly string[]): Promise<string> {
  const connection = await TextConnection.open(port)
  try {
    return await connection.ask(respCommand(...words), isWhole)
  } finally {
    connection.close()
  }
}

/** Of one reply that is a line, or a bulk text. */
function isWhole(text: string): boolean {
  const length = /^\$(\d+)\r\n/.exec(text)
  return length === null
    ? replyLines(text) >= 1
    : text.length >= length[0].length + Number(length[1]) + 2
}

async function fill(port: number, fromKey: number, toKey: number, bytes: number): Promise<void> {
  const connection = await TextConnection.open(port)
  try {
    for (let from = fromKey; from < toKey; from += fillCommands) {
      const count = Math.min(fillCommands, toKey - from)
      const commands = Array.from({ length: count }, (_, index) =>
        respCommand('SET', redisKey(from + index), valueText(from + index, bytes)),
      )
      const wanted = '+OK\r\n'.repeat(count)
      const replies = await connection.ask(commands.join(''), it => it.length >= wanted.length)
      if (replies !== wanted) throw new Error(`redis did not take a key: ${replies.slice(0, 200)}`)
    }
  } finally {
    connection.close()
  }
}

async function verify(port: number, keys: number, valueBytes: number): Promise<void> {
  const size = await ask(port, 'DBSIZE')
  if (size !== `:${keys}\r\n`) throw new Error(`redis has ${size.trim()} keys in place of ${keys}`)
  for (let n = 0; n < sampledKeys; n++) {
    const key = redisKey(Math.floor(Math.random() * keys))
    const length = await ask(port, 'STRLEN', key)
    if (length !== `:${valueBytes}\r\n`) throw new Error(`redis: a value of ${length.trim()} bytes`)
  }
}

/** Since the last call: keys that were not found, commands that failed. */
async function checkCounters(port: number): Promise<void> {
  const stats = await ask(port, 'INFO', 'stats')
  const count = (name: string): number =>
    Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(stats)?.[1] ?? Number.NaN)
  const [misses, errors] = [count('keyspace_misses'), count('total_error_replies')]
  if (misses !== 0 || errors !== 0) throw new Error(`redis: ${misses} misses, ${errors} errors`)
  await ask(port, 'CONFIG', 'RESETSTAT')
}
