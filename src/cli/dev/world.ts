/**
 * A world: every region of a cluster as a process of its own on this machine, with cables of real
 * length between them. `denizen dev` runs one for people, test/worlds for tests.
 */
import { resolve } from 'node:path'
import type { Coordinates } from '../../model/region.ts'
import { CliError, exitCodes } from '../exit-codes.ts'
import { Cables } from './cables.ts'
import { loopback } from './ports.ts'
import { type RegionExit, RegionProcess, type RegionState } from './region-process.ts'

export interface WorldRegion {
  readonly id: string
  readonly name: string
  readonly coordinates: Coordinates
  /** Of the key API. */
  readonly port: number
  /** For the other regions. */
  readonly peerPort: number
}

export interface WorldOptions {
  readonly regions: readonly WorldRegion[]
  readonly configPath: string
  readonly dataDirectory: string
  readonly latency: 'real' | 'none'
  readonly threads: number
  readonly capture: boolean
  /** A region ended though nobody asked it to. */
  readonly onDeath: (region: string, exit: RegionExit, lastLines: readonly string[]) => void
}

export interface RegionStatus {
  readonly region: string
  readonly url: string
  readonly state: RegionState
  readonly pid?: number
}

/** How often a condition is looked at while it is waited for. */
const lookEveryMs = 25
const reportedLogLines = 12

export class World {
  readonly #options: WorldOptions
  readonly #cables: Cables
  readonly #processes: ReadonlyMap<string, RegionProcess>
  readonly #killAll = (): void => {
    for (const child of this.#processes.values()) child.killNow()
  }

  private constructor(options: WorldOptions, cables: Cables) {
    this.#options = options
    this.#cables = cables
    this.#processes = new Map(options.regions.map(region => [region.id, this.#process(region)]))
    process.on('exit', this.#killAll)
  }

  /** Lays the cables and starts a process for every region; see `ready`. */
  static async start(options: WorldOptions): Promise<World> {
    const { latency, capture, regions } = options
    const world = new World(options, await Cables.lay(regions, { latency, capture }))
    try {
      await Promise.all([...world.#processes.values()].map(child => child.start()))
    } catch (error) {
      await world.close()
      throw error
    }
    return world
  }

  #process(region: WorldRegion): RegionProcess {
    const { configPath, threads } = this.#options
    const peers = [...this.#cables.addressesFrom(region.id)]
    const child: RegionProcess = new RegionProcess({
      args: [
        ...['--region', region.id, '--config', configPath, '--data', this.dataDirectory(region.id)],
        ...['--listen', `${loopback}:${region.port}`],
        ...['--peer-listen', `${loopback}:${region.peerPort}`],
        ...peers.flatMap(([peer, address]) => ['--peer', `${peer}=${address}`]),
        ...['--advertise', this.url(region.id), '--threads', `${threads}`],
      ],
      workingDirectory: process.cwd(),
      logFile: this.logFile(region.id),
      onDeath: exit => this.#options.onDeath(region.id, exit, child.lastLogLines(reportedLogLines)),
    })
    return child
  }

  get regions(): readonly WorldRegion[] {
    return this.#options.regions
  }

  url(region: string): string {
    return `http://${loopback}:${this.#region(region).port}`
  }

  dataDirectory(region: string): string {
    return resolve(this.#options.dataDirectory, this.#region(region).id)
  }

  /** Beside the data, so that what is searched for there is data. */
  logFile(region: string): string {
    return resolve(this.#options.dataDirectory, 'logs', `${this.#region(region).id}.log`)
  }

  rttMs(a: string, b: string): number {
    return this.#cables.rttMs(this.#region(a).id, this.#region(b).id)
  }

  status(): readonly RegionStatus[] {
    return this.regions.map(({ id }) => {
      const { state, pid } = this.#child(id)
      return { region: id, url: this.url(id), state, ...(pid !== undefined && { pid }) }
    })
  }

  cuts(): readonly (readonly [string, string])[] {
    return this.#cables.cuts()
  }

  captured(toRegion: string): readonly Buffer[] {
    return this.#cables.captured(this.#region(toRegion).id)
  }

  /** Starts a region that is not running. */
  async start(region: string): Promise<void> {
    await this.#child(region).start()
  }

  async stop(region: string): Promise<void> {
    await this.#child(region).stop()
  }

  async kill(region: string): Promise<void> {
    await this.#child(region).kill()
  }

  cut(a: string, b: string): void {
    this.#cables.cut(...this.#pair(a, b))
  }

  /** Without regions: all cables. */
  heal(a?: string, b?: string): void {
    const pairs = a === undefined || b === undefined ? this.cuts() : [this.#pair(a, b)]
    for (const [first, second] of pairs) this.#cables.heal(first, second)
  }

  /** Resolves when the regions answer /readyz; fails when one ends, or after `timeoutMs`. */
  async ready(regions: readonly string[], timeoutMs: number): Promise<void> {
    const deadlineMs = performance.now() + timeoutMs
    await Promise.all(regions.map(region => this.#readyOne(region, deadlineMs)))
  }

  async #readyOne(region: string, deadlineMs: number): Promise<void> {
    const child = this.#child(region)
    while (!(await answersReady(this.url(region)))) {
      const state = child.state
      const isLate = performance.now() > deadlineMs
      if (state !== 'running' || isLate) {
        const what = isLate && state === 'running' ? 'is not ready in time' : `has ${endOf[state]}`
        const lines = child.lastLogLines(reportedLogLines).map(line => `  ${line}`)
        throw new CliError(
          exitCodes.failed,
          [`${region} ${what}; the end of its log:`, ...lines].join('\n'),
          `The whole log: ${this.logFile(region)}`,
        )
      }
      await new Promise(look => setTimeout(look, lookEveryMs))
    }
  }

  /** Stops the regions one after the other, the last of the list first, then the cables. */
  async close(): Promise<void> {
    for (const child of [...this.#processes.values()].reverse()) await child.stop()
    await this.#cables.close()
    process.off('exit', this.#killAll)
  }

  #region(id: string): WorldRegion {
    const found = this.regions.find(region => region.id === id)
    if (found) return found
    const known = this.regions.map(region => region.id).join(', ')
    throw new CliError(exitCodes.usage, `this world has no region ${id}`, `Use one of ${known}.`)
  }

  #child(id: string): RegionProcess {
    return this.#processes.get(this.#region(id).id) as RegionProcess
  }

  #pair(a: string, b: string): readonly [string, string] {
    if (a !== b) return [this.#region(a).id, this.#region(b).id]
    throw new CliError(exitCodes.usage, 'a cable joins two regions', 'Name two different ones.')
  }
}

const endOf: Readonly<Record<RegionState, string>> = {
  running: 'not answered',
  stopped: 'been stopped',
  killed: 'been killed',
  died: 'ended by itself',
}

async function answersReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) })
    await response.body?.cancel()
    return response.ok
  } catch {
    return false
  }
}
