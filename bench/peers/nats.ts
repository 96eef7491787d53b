/** NATS with a JetStream key-value bucket on disk, from Debian's packages. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { freePorts } from '../../src/cli/dev/ports.ts'
import { keyText, valueText } from '../keys.ts'
import { inboxOf, natsGreeting, natsPublish, readNats } from '../loads/nats-dialect.ts'
import { programPath } from '../loads/program.ts'
import type { Peer, PeerOptions } from './peer.ts'
import { ServerProcess } from './server-process.ts'
import { TextConnection } from './text-connection.ts'

const bucket = 'bench'
const fillWindow = 256
const sampledKeys = 1_000
/** Before it, a server syncs its files every two minutes, and there is no setting for it. */
const syncSince = [2, 10] as const

const stateSchema = z.object({ state: z.object({ messages: z.int() }) })

export const natsMissing = (): string | undefined =>
  programPath('nats-server') === undefined ? 'nats-server is not installed' : undefined

export async function natsPeer({ directory }: PeerOptions): Promise<Peer> {
  const [port = 0] = await freePorts(1)
  const program = programPath('nats-server') ?? 'nats-server'
  const text = execFileSync(program, ['--version'], { encoding: 'utf8' })
  const version = /v([\d.]+)/.exec(text)?.[1] ?? ''
  const canSync = isAtLeast(version, syncSince)
  const dataDirectory = join(directory, 'data')
  mkdirSync(dataDirectory, { recursive: true })
  const configuration = join(directory, 'nats.conf')
  writeFileSync(
    configuration,
    [
      `listen: 127.0.0.1:${port}`,
      // It would cut off a client that does not answer; ours do not last that long.
      'ping_interval: "1h"',
      'max_payload: 8MB',
      `jetstream { store_dir: "${dataDirectory}"${canSync ? ', sync_interval: always' : ''} }`,
    ].join('\n'),
  )
  const server = new ServerProcess({
    name: 'nats-server',
    program,
    args: ['-c', configuration],
    logFile: join(directory, 'nats.log'),
    isReady: async () => (await request(port, `$JS.API.INFO`, '')).includes('"type"'),
  })
  return {
    id: 'nats',
    about: `NATS ${version}, JetStream key-value on disk: ${
      canSync
        ? 'a write is synced before its reply'
        : 'a write is answered before it is synced (this version has no setting for it)'
    }`,
    port,
    dialect: { kind: 'nats', bucket },
    peakTool: { tool: 'generator' },
    dataDirectory,
    get pid() {
      return server.pid
    },
    async start() {
      const ms = await server.start()
      await makeBucket(port)
      return ms
    },
    stop: () => server.stop(),
    kill: () => server.kill(),
    fill: (fromKey, toKey, valueBytes) => fill(port, fromKey, toKey, valueBytes),
    verify: (keys, valueBytes) => verify(port, keys, valueBytes),
    checkCounters: async () => {},
  }
}

function isAtLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [ownMajor = 0, ownMinor = 0] = version.split('.').map(Number)
  return ownMajor > major || (ownMajor === major && ownMinor >= minor)
}

/** As the clients of NATS make a bucket; made again, it is the same. */
async function makeBucket(port: number): Promise<void> {
  const stream = {
    name: `KV_${bucket}`,
    subjects: [`$KV.${bucket}.>`],
    ...{ retention: 'limits', storage: 'file', discard: 'new', num_replicas: 1 },
    ...{ max_msgs_per_subject: 1, max_consumers: -1, max_msgs: -1, max_bytes: -1, max_age: 0 },
    ...{ allow_direct: true, allow_rollup_hdrs: true, deny_delete: true, duplicate_window: 120e9 },
  }
  const reply = await request(port, `$JS.API.STREAM.CREATE.${stream.name}`, JSON.stringify(stream))
  if (reply.includes('"error"')) throw new Error(`nats has no bucket: ${reply}`)
}

/** All messages in what was received, without what the server says by itself. */
function messagesIn(text: string): readonly string[] {
  const found: string[] = []
  let rest = Buffer.from(text, 'latin1')
  for (;;) {
    const taken = readNats(rest)
    if (taken === undefined) return found
    if (taken.message) found.push(taken.message.body)
    rest = rest.subarray(taken.bytes)
  }
}

async function request(port: number, subject: string, body: string): Promise<string> {
  const connection = await TextConnection.open(port)
  try {
    const question = natsGreeting(0) + natsPublish(subject, inboxOf(0), body)
    return messagesIn(await connection.ask(question, it => messagesIn(it).length > 0))[0] ?? ''
  } finally {
    connection.close()
  }
}

async function fill(port: number, fromKey: number, toKey: number, bytes: number): Promise<void> {
  const connection = await TextConnection.open(port)
  try {
    connection.send(natsGreeting(0))
    for (let from = fromKey; from < toKey; from += fillWindow) {
      const count = Math.min(fillWindow, toKey - from)
      const puts = Array.from({ length: count }, (_, index) =>
        natsPublish(
          `$KV.${bucket}.${keyText(from + index)}`,
          inboxOf(0),
          valueText(from + index, bytes),
        ),
      )
      // A reply is about a hundred bytes: all are looked at once there may be enough.
      const replies = await connection.ask(
        puts.join(''),
        it => it.length > count * 40 && messagesIn(it).length >= count,
      )
      if (replies.includes('"error"')) throw new Error('nats did not take a key')
    }
  } finally {
    connection.close()
  }
}

async function verify(port: number, keys: number, valueBytes: number): Promise<void> {
  const info = await request(port, `$JS.API.STREAM.INFO.KV_${bucket}`, '')
  const { messages } = stateSchema.parse(JSON.parse(info)).state
  if (messages !== keys) throw new Error(`nats has ${messages} keys in place of ${keys}`)
  for (let n = 0; n < Math.min(keys, sampledKeys); n++) {
    const key = Math.floor(Math.random() * keys)
    const subject = `$JS.API.DIRECT.GET.KV_${bucket}.$KV.${bucket}.${keyText(key)}`
    const value = await request(port, subject, '')
    if (value !== valueText(key, valueBytes)) {
      throw new Error(`nats has another value of ${keyText(key)}`)
    }
  }
}
