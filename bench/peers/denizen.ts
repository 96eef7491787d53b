/** Denizen as it is deployed: one `serve` process of one region, and keys by way of batches. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { freePorts } from '../../src/cli/dev/ports.ts'
import { BatchClient } from './batch-client.ts'
import type { Peer, PeerOptions } from './peer.ts'
import { ServerProcess } from './server-process.ts'

export interface DenizenOptions extends PeerOptions {
  /** By default: one region, one dataset, `residency: anywhere`. */
  readonly policy?: { readonly text: string; readonly region: string; readonly dataset: string }
}

const usualPolicy = {
  region: 'eu-west',
  dataset: 'bench',
  text: `
cluster: bench
regions: [eu-west]
datasets:
  bench: { residency: anywhere }
`,
}

const entry = fileURLToPath(new URL('../../bin/denizen.js', import.meta.url))

export async function denizenPeer(options: DenizenOptions): Promise<Peer> {
  const { directory, threads, policy = usualPolicy } = options
  const [port = 0, peerPort = 0] = await freePorts(2)
  const dataDirectory = join(directory, 'data')
  const configuration = join(directory, 'denizen.yaml')
  mkdirSync(dataDirectory, { recursive: true })
  writeFileSync(configuration, policy.text)
  const url = `http://127.0.0.1:${port}`
  const server = new ServerProcess({
    name: 'denizen serve',
    program: process.execPath,
    args: [
      ...[entry, 'serve', '--region', policy.region, '--config', configuration],
      ...['--data', dataDirectory, '--threads', `${threads}`, '--others-stopped'],
      ...['--listen', `127.0.0.1:${port}`, '--peer-listen', `127.0.0.1:${peerPort}`],
    ],
    logFile: join(directory, 'denizen.log'),
    isReady: async () => (await fetch(`${url}/readyz`)).ok,
    env: { NO_COLOR: '1' },
  })
  const batches = new BatchClient(`${url}/v1/batch/${policy.dataset}`)
  const path = `/v1/kv/${policy.dataset}/`
  return {
    id: 'denizen',
    about: `Denizen, ${threads} shard threads: a write is synced before its reply`,
    port,
    dialect: { kind: 'http', path, isStatic: false, hasVersions: true },
    peakTool: { tool: 'wrk', script: 'single', path },
    dataDirectory,
    get pid() {
      return server.pid
    },
    start: () => server.start(),
    stop: () => server.stop(),
    kill: () => server.kill(),
    fill: (fromKey, toKey, valueBytes) => batches.put(fromKey, toKey, valueBytes),
    verify: (keys, valueBytes) => batches.compare(keys, valueBytes),
    checkCounters: async () => {},
  }
}

const doctorSchema = z.object({
  sound: z.literal(true),
  directories: z.array(
    z.object({ datasets: z.array(z.object({ dataset: z.string(), records: z.int() })) }),
  ),
})

/** Records in the files of a stopped node. Throws when one is damaged. */
export function recordsAtRest(dataDirectory: string, dataset = usualPolicy.dataset): number {
  const args = [entry, 'doctor', '--verify', dataDirectory, '--json']
  const text = execFileSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 2 ** 26 })
  const found = doctorSchema.parse(JSON.parse(text)).directories.flatMap(it => it.datasets)
  return found.find(it => it.dataset === dataset)?.records ?? 0
}
