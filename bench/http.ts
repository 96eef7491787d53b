/**
 * Single requests over HTTP, beside a bare `node:http` server that is measured in turn with them:
 * what the machine does at that moment slows both. Reads are of keys homed here; each write is a
 * new version, and on disk before its reply.
 */
import { execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import type { World } from '../src/cli/dev/world.ts'
import { type LoadResult, load } from './load.ts'
import { benchValue } from './value.ts'
import { inWorld } from './world.ts'

export interface HttpOptions {
  readonly connections: number
  readonly seconds: number
  readonly rounds: number
}

export interface HttpRound {
  readonly bareGet: LoadResult
  readonly get: LoadResult
  readonly barePut: LoadResult
  readonly put: LoadResult
}

export interface HttpReport {
  readonly keys: number
  readonly threads: number
  readonly rounds: readonly HttpRound[]
  /** Versions that the node gave out and an independent reader of its files at rest has seen. */
  readonly verified: { readonly records: number; readonly readBack: number }
}

const region = 'eu-west'
const dataset = 'bench'
const keysPerConnection = 32
const policyText = `
cluster: bench
regions: [${region}]
datasets:
  ${dataset}: { residency: anywhere }
`

const bareScript = fileURLToPath(new URL('./bare-server.ts', import.meta.url))
const denizen = fileURLToPath(new URL('../bin/denizen.js', import.meta.url))

export function benchHttp(options: HttpOptions): Promise<HttpReport> {
  const threads = Math.min(8, availableParallelism())
  return inWorld({ policy: { text: policyText }, latency: 'none', threads }, async world => {
    const bare = fork(bareScript)
    try {
      const [port] = await once(bare, 'message')
      return await measure(options, `http://127.0.0.1:${port}`, world, threads)
    } finally {
      bare.kill()
    }
  })
}

async function measure(
  { connections, seconds, rounds: roundCount }: HttpOptions,
  bareUrl: string,
  world: World,
  threads: number,
): Promise<HttpReport> {
  const url = world.url(region)
  const paths = Array.from({ length: connections }, (_, connection) =>
    Array.from(
      { length: keysPerConnection },
      (_, key) => `/v1/kv/${dataset}/connection-${connection}/key-${key}`,
    ),
  )
  const keys = paths.flat()
  for (const path of keys) await putFirst(url + path)
  const common = { connections, seconds, warmUpSeconds: Math.min(2, seconds / 2), paths }
  const get = { ...common, method: 'GET', statuses: [200], newVersions: false } as const
  const put = { ...common, method: 'PUT', statuses: [204], newVersions: true } as const
  const rounds: HttpRound[] = []
  for (let round = 0; round < roundCount; round++) {
    rounds.push({
      bareGet: await load({ ...get, url: bareUrl }),
      get: await load({ ...get, url }),
      barePut: await load({ ...put, url: bareUrl, newVersions: false }),
      put: await load({ ...put, url }),
    })
  }
  const readBack = await countReadBack(keys.map(path => url + path))
  await world.stop(region)
  const records = countAtRest(world.dataDirectory(region))
  if (readBack !== keys.length || records !== keys.length) {
    throw new Error(`of ${keys.length} keys ${readBack} are read, ${records} are in the files`)
  }
  return { keys: keys.length, threads, rounds, verified: { records, readBack } }
}

async function putFirst(url: string): Promise<void> {
  const headers = { 'content-type': 'application/octet-stream' }
  const reply = await fetch(url, { method: 'PUT', headers, body: benchValue })
  if (reply.status !== 201) throw new Error(`PUT: status ${reply.status}, ${await reply.text()}`)
}

async function countReadBack(urls: readonly string[]): Promise<number> {
  let count = 0
  for (const url of urls) {
    const reply = await fetch(url, { headers: { 'denizen-consistency': 'strong' } })
    if (reply.status === 200 && (await reply.text()) === benchValue) count += 1
  }
  return count
}

const doctorSchema = z.object({
  sound: z.literal(true),
  directories: z.array(
    z.object({ datasets: z.array(z.object({ dataset: z.string(), records: z.int() })) }),
  ),
})

/** Throws when a record is damaged. */
function countAtRest(dataDirectory: string): number {
  const args = [denizen, 'doctor', '--verify', dataDirectory, '--json']
  const text = execFileSync(process.execPath, args, { encoding: 'utf8' })
  const found = doctorSchema.parse(JSON.parse(text)).directories.flatMap(it => it.datasets)
  return found.find(it => it.dataset === dataset)?.records ?? 0
}
