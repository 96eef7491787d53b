/**
 * Clients that write and delete their own keys through regions that come and go, and remember what
 * they were told. A key has one writer, which waits for each reply before its next request, so what
 * the key may hold in the end is known exactly.
 */
import { compareVersions, parseVersion, type Version } from '../../src/model/version.ts'
import {
  ask,
  codeOf,
  type Doors,
  jsonOf,
  kv,
  type Reply,
  sendText,
  until,
} from './region-client.ts'

interface Attempt {
  /** `undefined`: a delete. */
  readonly value: string | undefined
  outcome: 'acknowledged' | 'unknown' | 'refused'
  version: Version | undefined
}

export interface OwnKey {
  readonly dataset: string
  readonly key: string
  readonly attempts: Attempt[]
}

export interface WritersOptions {
  readonly world: Doors
  readonly datasets: readonly string[]
  readonly writers: number
  readonly keysPerWriter: number
  readonly random: () => number
  /** Others, which have stopped, whose keys these write on. */
  readonly continues?: Writers
  readonly onAcknowledged?: () => void
}

/** Deletes among the writes. */
const deletes = 0.1

export class Writers {
  readonly keys: OwnKey[] = []
  /** Of all writes, by what came of them; a delete that found nothing counts as refused. */
  readonly counts = { acknowledged: 0, unknown: 0, refused: 0 }
  /** Acknowledged by the region that a request entered. */
  readonly through = new Map<string, number>()
  readonly #options: WritersOptions
  readonly #running: Promise<void>[] = []
  #stopped = false
  #failure: unknown
  #count = 0

  constructor(options: WritersOptions) {
    this.#options = options
    const { writers, datasets, keysPerWriter, continues } = options
    for (let writer = 0; writer < writers; writer++) {
      const own = datasets.flatMap(dataset =>
        Array.from({ length: keysPerWriter }, (_, n): OwnKey => {
          const key = `writer-${writer}/key-${n}`
          const before = continues?.keys.find(it => it.key === key && it.dataset === dataset)
          return before ?? { dataset, key, attempts: [] }
        }),
      )
      this.keys.push(...own)
      this.#running.push(
        this.#run(own).catch((error: unknown) => {
          this.#failure ??= error
        }),
      )
    }
    if (continues) this.#count = continues.#count
  }

  /** Waits until so many more writes were acknowledged. */
  async more(count: number, region?: string): Promise<void> {
    const now = () =>
      region === undefined ? this.counts.acknowledged : (this.through.get(region) ?? 0)
    const wanted = now() + count
    await until(
      () => now() >= wanted || this.#failure !== undefined,
      () => `${now()} of ${wanted} writes are acknowledged through ${region ?? 'the world'}`,
    )
    if (this.#failure !== undefined) throw this.#failure
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#running)
    if (this.#failure !== undefined) throw this.#failure
  }

  async #run(own: readonly OwnKey[]): Promise<void> {
    const { random, world } = this.#options
    const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T
    while (!this.#stopped) {
      const region = pick(world.regions)
      if (await this.#write(region, pick(own))) {
        this.through.set(region, (this.through.get(region) ?? 0) + 1)
      } else if (!this.#stopped) await this.#breathe()
    }
  }

  /** A region is away: the others get the machine until something has come of it. */
  async #breathe(): Promise<void> {
    const wanted = this.counts.acknowledged + 10
    const untilMs = performance.now() + 150
    const passed = () =>
      this.#stopped || this.counts.acknowledged >= wanted || performance.now() > untilMs
    await until(passed, 'others write')
  }

  async #write(region: string, { dataset, key, attempts }: OwnKey): Promise<boolean> {
    const { world, random } = this.#options
    this.#count += 1
    const deletion = random() < deletes
    const padding = '.'.repeat(Math.floor(random() ** 3 * 6_000))
    const value = deletion ? undefined : `${key} ${this.#count} ${padding}`
    const attempt: Attempt = { value, outcome: 'unknown', version: undefined }
    attempts.push(attempt)
    try {
      const options = value === undefined ? { method: 'DELETE' } : sendText('PUT', value)
      this.#judge(attempt, await ask(world, region, kv(dataset, key), options), region)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED') attempt.outcome = 'refused'
      else if (!(error instanceof Error && 'code' in error)) throw error
    }
    this.counts[attempt.outcome] += 1
    if (attempt.outcome === 'acknowledged') this.#options.onAcknowledged?.()
    return attempt.outcome === 'acknowledged'
  }

  #judge(attempt: Attempt, reply: Reply, region: string): void {
    if ([201, 204].includes(reply.status)) {
      attempt.outcome = 'acknowledged'
      const { etag } = reply.headers
      if (typeof etag === 'string') attempt.version = versionOf(etag)
      return
    }
    const code = codeOf(reply)
    if (code === 'not_found' && attempt.value === undefined) {
      attempt.outcome = 'refused'
      return
    }
    const { applied } = jsonOf(reply) as { applied?: string }
    const truthful =
      (reply.status === 503 && applied === 'no') ||
      (code === 'outcome_unknown' && applied === 'unknown')
    if (!truthful) throw new Error(`${region} answers ${reply.status} ${code} applied=${applied}`)
    attempt.outcome = applied === 'no' ? 'refused' : 'unknown'
  }
}

export const versionOf = (etag: string): Version => {
  const version = parseVersion(etag.replaceAll('"', ''))
  if (!version) throw new Error(`${etag} is no version`)
  return version
}

/**
 * Throws unless what a key holds is its last acknowledged write, or one of unknown outcome that
 * came after it. `undefined`: the key is absent.
 */
export function checkKey(
  { dataset, key, attempts }: OwnKey,
  held: { readonly value: string; readonly version: Version } | undefined,
): void {
  const fail = (what: string): never => {
    const outcomes = attempts.map(({ value, outcome }) => {
      return `${outcome} ${value === undefined ? 'delete' : value.split(' ')[1]}`
    })
    throw new Error(`${dataset} ${key}: ${what}; ${outcomes.slice(-8).join(', ')}`)
  }
  const acknowledged = attempts.filter(({ outcome }) => outcome === 'acknowledged')
  let newest: Version | undefined
  for (const { version } of acknowledged) {
    if (!version) continue
    if (newest && compareVersions(version, newest) <= 0) fail('versions go backwards')
    newest = version
  }
  const last = acknowledged.at(-1)
  const unknown = attempts.filter(({ outcome }) => outcome === 'unknown')
  if (!held) {
    const deleted = unknown.some(({ value }) => value === undefined)
    if (last?.value !== undefined && !deleted) fail('an acknowledged write is lost')
    return
  }
  if (newest && compareVersions(held.version, newest) < 0) fail('an older version is there')
  if (newest && compareVersions(held.version, newest) === 0) {
    if (last?.value !== held.value) fail('another value has the version of the last write')
  } else if (!unknown.some(({ value }) => value === held.value)) fail('nobody wrote what is there')
}
