/** A world whose regions may run different builds: one `denizen serve` process for each region. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts, loopback } from '../../src/cli/dev/ports.ts'
import { smallPolicy } from '../worlds/world.ts'
import { ask, type Doors, until } from './region-client.ts'

interface Place {
  readonly port: number
  readonly peerPort: number
  child: ChildProcess | undefined
}

export class UpgradeWorld implements Doors {
  readonly #places: ReadonlyMap<string, Place>
  readonly #directory = mkdtempSync(join(tmpdir(), 'denizen-upgrade-'))
  readonly #killAll = (): void => {
    for (const { child } of this.#places.values()) child?.kill('SIGKILL')
  }

  private constructor(places: ReadonlyMap<string, Place>) {
    this.#places = places
    writeFileSync(join(this.#directory, 'denizen.yaml'), smallPolicy(this.regions))
    process.on('exit', this.#killAll)
  }

  /** No region runs yet. */
  static async plan(regions: readonly string[]): Promise<UpgradeWorld> {
    const ports = (await freePorts(2 * regions.length)).values()
    const nextPort = (): number => ports.next().value ?? 0
    const place = (): Place => ({ port: nextPort(), peerPort: nextPort(), child: undefined })
    return new UpgradeWorld(new Map(regions.map(region => [region, place()])))
  }

  get regions(): readonly string[] {
    return [...this.#places.keys()]
  }

  url(region: string): string {
    return `http://${loopback}:${this.#place(region).port}`
  }

  /** `script`: of the build to run. */
  async start(region: string, script: string): Promise<void> {
    const place = this.#place(region)
    const others = [...this.#places].filter(([other]) => other !== region)
    const log = openSync(this.#logFile(region), 'a')
    const args = [
      ...['serve', '--region', region, '--config', join(this.#directory, 'denizen.yaml')],
      ...['--data', join(this.#directory, region), '--threads', '2'],
      ...['--listen', `${loopback}:${place.port}`, '--advertise', this.url(region)],
      ...['--peer-listen', `${loopback}:${place.peerPort}`],
      ...others.flatMap(([other, { peerPort }]) => ['--peer', `${other}=${loopback}:${peerPort}`]),
    ]
    place.child = spawn(process.execPath, [script, ...args], {
      env: { ...process.env, NO_COLOR: '1' },
      stdio: ['ignore', log, log],
    })
    closeSync(log)
    await once(place.child, 'spawn')
  }

  async ready(region: string): Promise<void> {
    const isReady = async (): Promise<boolean> => {
      const ended = this.#place(region).child?.exitCode
      if (typeof ended === 'number') throw new Error(`${region} ended:\n${this.logEnd(region)}`)
      const reply = await ask(this, region, '/readyz').catch(() => undefined)
      return reply?.status === 200
    }
    await until(isReady, () => `${region} is ready:\n${this.logEnd(region)}`)
  }

  /** SIGTERM. Resolves with the exit code when the process is gone. */
  async stop(region: string): Promise<number | null> {
    const { child } = this.#place(region)
    if (!child || child.exitCode !== null) return child?.exitCode ?? null
    child.kill('SIGTERM')
    await once(child, 'exit')
    return child.exitCode
  }

  async close(): Promise<void> {
    for (const region of this.regions) await this.stop(region)
    process.off('exit', this.#killAll)
    rmSync(this.#directory, { recursive: true, force: true })
  }

  #place(region: string): Place {
    const place = this.#places.get(region)
    if (!place) throw new Error(`the world has no region ${region}`)
    return place
  }

  #logFile(region: string): string {
    return join(this.#directory, `${region}.log`)
  }

  /** The last lines that the region's processes have written. */
  logEnd(region: string): string {
    return readFileSync(this.#logFile(region), 'utf8').split('\n').slice(-12).join('\n')
  }
}
