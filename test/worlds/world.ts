/**
 * A world for tests: the real thing, one `denizen serve` process per region on free ports, with
 * data in a temporary directory and cables that can be cut. It waits on conditions, never for a
 * time, and leaves no process behind, however the test ends.
 */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { planRegions } from '../../src/cli/dev/plan.ts'
import { freePorts, loopback } from '../../src/cli/dev/ports.ts'
import { World as RunningWorld } from '../../src/cli/dev/world.ts'
import { requirePolicy } from '../../src/cli/required-policy.ts'
import { assert } from '../../src/model/assert.ts'

export interface TestWorldOptions {
  /** Ids of the catalogue, for a policy of two datasets: see `smallPolicy`. */
  readonly regions?: readonly string[]
  /** Default: none. */
  readonly latency?: 'none' | 'real'
  /** A world of a test has no data of its own; this says so to the reader. */
  readonly empty?: true
  /** Keeps every byte that goes into a region from others: see `captured`. */
  readonly capture?: boolean
  /** The text of a policy file in place of the sample world's; its regions are a list. */
  readonly config?: string
  /** Default: 1. */
  readonly threads?: number
}

const samplePolicy = fileURLToPath(new URL('../../denizen.yaml', import.meta.url))
const readyMaxMs = 60_000

/** `cities` follows its first writers, `settings` is homed by hash; both live everywhere. */
export const smallPolicy = (regions: readonly string[]): string => `
cluster: test
regions: [${regions.join(', ')}]
coordination: { static: ${regions[0]} }
datasets:
  cities: { residency: anywhere, homing: hint }
  settings: { residency: anywhere, homing: hash }
`

/** Resolves when every region is ready. Without `regions` and `config`: the sample world. */
export async function startWorld(options: TestWorldOptions = {}): Promise<World> {
  const directory = mkdtempSync(join(tmpdir(), 'denizen-world-'))
  try {
    const running = await startIn(directory, options)
    try {
      await running.ready(
        running.regions.map(({ id }) => id),
        readyMaxMs,
      )
      return new World(running, directory)
    } catch (error) {
      await running.close()
      throw error
    }
  } catch (error) {
    await removeTree(directory)
    throw error
  }
}

async function startIn(directory: string, options: TestWorldOptions): Promise<RunningWorld> {
  const { regions, config = regions && smallPolicy(regions) } = options
  const configPath = config === undefined ? samplePolicy : join(directory, 'denizen.yaml')
  if (config !== undefined) writeFileSync(configPath, config)
  const policy = requirePolicy(configPath)
  const ports = await freePorts(2 * policy.regions.length)
  const portOf = (index: number): number => {
    const port = ports[index]
    assert(port !== undefined, 'two ports for each region')
    return port
  }
  return RunningWorld.start({
    regions: planRegions(policy, index => ({
      port: portOf(2 * index),
      peerPort: portOf(2 * index + 1),
    })),
    configPath,
    dataDirectory: join(directory, 'data'),
    latency: options.latency ?? 'none',
    threads: options.threads ?? 1,
    capture: options.capture ?? false,
    onDeath: (region, { code, signal }, lines) => {
      const how = signal ?? `exit code ${code}`
      process.stderr.write([`${region} ended by itself (${how})`, ...lines, ''].join('\n'))
    },
  })
}

const removeTree = (directory: string): Promise<void> =>
  rm(directory, { recursive: true, force: true, maxRetries: 3 })

export class World {
  readonly #running: RunningWorld
  readonly #directory: string

  constructor(running: RunningWorld, directory: string) {
    this.#running = running
    this.#directory = directory
  }

  get regions(): readonly string[] {
    return this.#running.regions.map(({ id }) => id)
  }

  /** Base URL of a region's key API. */
  url(region: string): string {
    return this.#running.url(region)
  }

  /**
   * `host:port` where a region listens for the others, without the cable: for what is no region.
   */
  peerAddress(region: string): string {
    const found = this.#running.regions.find(({ id }) => id === region)
    assert(found, 'the world has the region')
    return `${loopback}:${found.peerPort}`
  }

  /** Of what is given as `serve --data`. */
  dataDirectory(region: string): string {
    return this.#running.dataDirectory(region)
  }

  /** All that the region's process has written; it lies outside its data directory. */
  logFile(region: string): string {
    return this.#running.logFile(region)
  }

  /** SIGKILL. Resolves when the process is gone. */
  kill(region: string): Promise<void> {
    return this.#running.kill(region)
  }

  /** SIGTERM. Resolves when the process is gone. */
  stop(region: string): Promise<void> {
    return this.#running.stop(region)
  }

  /** Resolves when the region is ready, or at once (`ready: false`) where it can't become so. */
  async start(region: string, { ready = true }: { ready?: boolean } = {}): Promise<void> {
    await this.#running.start(region)
    if (ready) await this.#running.ready([region], readyMaxMs)
  }

  /** Resolves when the regions answer /readyz. */
  ready(regions: readonly string[] = this.regions): Promise<void> {
    return this.#running.ready(regions, readyMaxMs)
  }

  cut(a: string, b: string): void {
    this.#running.cut(a, b)
  }

  /** Without regions: all cables. */
  heal(a?: string, b?: string): void {
    this.#running.heal(a, b)
  }

  /** What went into a region from others so far, in order of arrival; needs `capture`. */
  captured(toRegion: string): readonly Buffer[] {
    return this.#running.captured(toRegion)
  }

  /** Ends all processes and removes all data. */
  async close(): Promise<void> {
    await this.#running.close()
    await removeTree(this.#directory)
  }
}
