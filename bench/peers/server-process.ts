/** The process of a peer: started on its data, found ready, ended by its own id. */
import type { ChildProcess } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { startProgram } from '../children.ts'

export interface ServerProcessOptions {
  readonly name: string
  readonly program: string
  readonly args: readonly string[]
  readonly logFile: string
  /** Whether it serves. May throw while it does not. */
  readonly isReady: () => Promise<boolean>
  readonly env?: NodeJS.ProcessEnv
}

const lookEveryMs = 5
const readyMaxMs = 300_000
const stopMaxMs = 30_000
const shownLogLines = 8

export class ServerProcess {
  readonly #options: ServerProcessOptions
  #child: ChildProcess | undefined
  #gone: Promise<void> = Promise.resolve()

  constructor(options: ServerProcessOptions) {
    this.#options = options
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** Ms from its spawn until it serves. */
  async start(): Promise<number> {
    const { name, program, args, logFile, env } = this.#options
    if (this.#child) throw new Error(`${name} runs already`)
    mkdirSync(dirname(logFile), { recursive: true })
    const log = openSync(logFile, 'a')
    const startMs = performance.now()
    const child = startProgram(program, args, {
      stdio: ['ignore', log, log],
      ...(env && { env: { ...process.env, ...env } }),
    })
    closeSync(log)
    this.#child = child
    this.#gone = new Promise<void>(resolve => {
      child.once('error', () => resolve())
      child.once('exit', () => resolve())
    }).then(() => {
      if (this.#child === child) this.#child = undefined
    })
    await this.#ready(startMs)
    return performance.now() - startMs
  }

  async #ready(startMs: number): Promise<void> {
    for (;;) {
      if (await this.#options.isReady().catch(() => false)) return
      const isLate = performance.now() - startMs > readyMaxMs
      if (this.#child === undefined || isLate) {
        await this.kill()
        throw new Error(`${this.#options.name} does not serve: ${this.#lastLogLines()}`)
      }
      await new Promise(look => setTimeout(look, lookEveryMs))
    }
  }

  async stop(): Promise<void> {
    this.#child?.kill('SIGTERM')
    const timer = setTimeout(() => this.#child?.kill('SIGKILL'), stopMaxMs)
    await this.#gone
    clearTimeout(timer)
  }

  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL')
    await this.#gone
  }

  #lastLogLines(): string {
    const lines = readFileSync(this.#options.logFile, 'utf8').trimEnd().split('\n')
    return lines.slice(-shownLogLines).join('\n')
  }
}
