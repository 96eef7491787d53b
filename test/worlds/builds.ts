/** Regions of one cluster whose nodes run builds that change from start to start. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts, loopback } from '../../src/cli/dev/ports.ts'
import { ask, until } from '../cluster/region-client.ts'
import { smallPolicy } from './world.ts'

interface Place {
  readonly port: number
  readonly peerPort: number
  child: ChildProcess | undefined
  log: string
}

export class Builds {
  readonly regions: readonly string[]
  readonly #directory = mkdtempSync(join(tmpdir(), 'denizen-builds-'))
  readonly #config = join(this.#directory, 'denizen.yaml')
  readonly #places: ReadonlyMap<string, Place>

  private constructor(regions: readonly string[], ports: readonly number[]) {
    this.regions = regions
    this.#places = new Map(
      regions.map((region, index) => {
        const [port = 0, peerPort = 0] = ports.slice(2 * index)
        return [region, { port, peerPort, child: undefined, log: '' }]
      }),
    )
    writeFileSync(this.#config, smallPolicy(regions))
  }

  static async of(regions: readonly string[]): Promise<Builds> {
    return new Builds(regions, await freePorts(2 * regions.length))
  }

  url(region: string): string {
    return `http://${loopback}:${this.#place(region).port}`
  }

  /** Resolves when the node answers /readyz, or has ended: with what it has said then. */
  async start(region: string, script: string): Promise<string | undefined> {
    const place = this.#place(region)
    const peers = [...this.#places].flatMap(([peer, { peerPort }]) => [
      ...['--peer', `${peer}=${loopback}:${peerPort}`],
    ])
    const child = spawn(process.execPath, [
      ...[script, 'serve', '--region', region, '--config', this.#config, '--threads', '1'],
      ...['--data', join(this.#directory, region), '--listen', `${loopback}:${place.port}`],
      ...['--peer-listen', `${loopback}:${place.peerPort}`, ...peers],
    ])
    place.child = child
    place.log = ''
    const hear = (text: Buffer): void => {
      place.log += text
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null
    await until(
      async () => hasEnded() || (await this.#isReady(region)),
      () => `${region} serves: ${place.log}`,
    )
    return hasEnded() ? place.log : undefined
  }

  /** Starts them all: none serves before a majority runs. */
  async startAll(script: string): Promise<void> {
    const failures = await Promise.all(this.regions.map(region => this.start(region, script)))
    if (failures.some(failure => failure !== undefined)) throw new Error(failures.join('\n'))
  }

  async stop(region: string): Promise<void> {
    const { child } = this.#place(region)
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill('SIGTERM')
    await exited
  }

  /** The process stands still; its connections stay, and what is sent to it waits. */
  freeze(region: string): void {
    this.#place(region).child?.kill('SIGSTOP')
  }

  thaw(region: string): void {
    this.#place(region).child?.kill('SIGCONT')
  }

  async close(): Promise<void> {
    for (const region of this.regions) await this.stop(region)
    rmSync(this.#directory, { recursive: true, force: true, maxRetries: 3 })
  }

  #place(region: string): Place {
    const place = this.#places.get(region)
    if (!place) throw new Error(`there is no region ${region}`)
    return place
  }

  async #isReady(region: string): Promise<boolean> {
    const reply = await ask(this, region, '/readyz').catch(() => undefined)
    return reply?.status === 200
  }
}
