/** etcd, from Debian's packages, one member, through its JSON gateway. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { z } from 'zod'
import { freePorts } from '../../src/cli/dev/ports.ts'
import { keyText, valueText } from '../keys.ts'
import { programPath } from '../loads/program.ts'
import type { Peer, PeerOptions } from './peer.ts'
import { ServerProcess } from './server-process.ts'

/** What etcd takes in one transaction by default, and in bytes. */
const fillOperations = 128
const fillBytes = 512 * 1024
const fillAtOnce = 8
const sampledKeys = 1_000
const quotaBytes = 8 * 2 ** 30
const keptRevisions = 1_000

const countSchema = z.object({ count: z.string().default('0') })
const rangeSchema = z.object({ kvs: z.array(z.object({ value: z.string() })).length(1) })
const doneSchema = z.object({ succeeded: z.literal(true) })

const base64 = (text: string): string => Buffer.from(text).toString('base64')

export const etcdMissing = (): string | undefined =>
  programPath('etcd') === undefined ? 'etcd is not installed' : undefined

export async function etcdPeer({ directory }: PeerOptions): Promise<Peer> {
  const [port = 0, peerPort = 0] = await freePorts(2)
  const program = programPath('etcd') ?? 'etcd'
  const version = /Version: ([\d.]+)/.exec(
    execFileSync(program, ['--version'], { encoding: 'utf8' }),
  )?.[1]
  const dataDirectory = join(directory, 'data')
  const [url, peerUrl] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${peerPort}`]
  const server = new ServerProcess({
    name: 'etcd',
    program,
    args: [
      ...['--data-dir', dataDirectory, '--log-level', 'error', '--logger', 'zap'],
      ...['--listen-client-urls', url, '--advertise-client-urls', url],
      ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
      ...['--initial-cluster', `default=${peerUrl}`, '--quota-backend-bytes', `${quotaBytes}`],
      ...['--auto-compaction-mode', 'revision', '--auto-compaction-retention', `${keptRevisions}`],
    ],
    logFile: join(directory, 'etcd.log'),
    isReady: async () => (await (await fetch(`${url}/health`)).text()).includes('"true"'),
  })
  return {
    id: 'etcd',
    about: `etcd ${version}, JSON gateway, one member: a write is synced before its reply`,
    port,
    dialect: { kind: 'etcd' },
    peakTool: { tool: 'wrk', script: 'etcd', path: '/' },
    dataDirectory,
    get pid() {
      return server.pid
    },
    start: () => server.start(),
    stop: () => server.stop(),
    kill: () => server.kill(),
    fill: (fromKey, toKey, valueBytes) => fill(url, fromKey, toKey, valueBytes),
    verify: (keys, valueBytes) => verify(url, keys, valueBytes),
    checkCounters: async () => {},
  }
}

async function post(url: string, body: object): Promise<unknown> {
  const reply = await fetch(url, { method: 'POST', body: JSON.stringify(body) })
  if (!reply.ok) throw new Error(`etcd: status ${reply.status}, ${await reply.text()}`)
  return await reply.json()
}

async function fill(url: string, fromKey: number, toKey: number, bytes: number): Promise<void> {
  const operations = Math.max(1, Math.min(fillOperations, Math.floor(fillBytes / bytes)))
  let next = fromKey
  const fillOn = async (): Promise<void> => {
    while (next < toKey) {
      const from = next
      next = Math.min(toKey, from + operations)
      const success = Array.from({ length: next - from }, (_, index) => ({
        requestPut: {
          key: base64(keyText(from + index)),
          value: base64(valueText(from + index, bytes)),
        },
      }))
      doneSchema.parse(await post(`${url}/v3/kv/txn`, { success }))
    }
  }
  await Promise.all(Array.from({ length: fillAtOnce }, fillOn))
}

async function verify(url: string, keys: number, valueBytes: number): Promise<void> {
  const all = { key: base64('key-'), range_end: base64('key.'), count_only: true }
  const { count } = countSchema.parse(await post(`${url}/v3/kv/range`, all))
  if (Number(count) !== keys) throw new Error(`etcd has ${count} keys in place of ${keys}`)
  for (let n = 0; n < Math.min(keys, sampledKeys); n++) {
    const key = Math.floor(Math.random() * keys)
    const found = rangeSchema.parse(await post(`${url}/v3/kv/range`, { key: base64(keyText(key)) }))
    if (found.kvs[0]?.value !== base64(valueText(key, valueBytes))) {
      throw new Error(`etcd has another value of ${keyText(key)}`)
    }
  }
}
