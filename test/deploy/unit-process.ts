/** The node of a host, started as its systemd unit says. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'

export interface Stop {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly tookMs: number
}

export class UnitProcess {
  readonly #command: readonly string[]
  readonly #logFile: string
  #child: ChildProcess | undefined

  constructor(command: readonly string[], logFile: string) {
    this.#command = command
    this.#logFile = logFile
  }

  /** Resolves when the program runs, which is what `Type=exec` waits for. */
  async start(): Promise<void> {
    const [program = '', ...args] = this.#command
    const log = openSync(this.#logFile, 'a')
    try {
      this.#child = spawn(program, args, { stdio: ['ignore', log, log] })
      await once(this.#child, 'spawn')
    } finally {
      closeSync(log)
    }
  }

  get hasEnded(): boolean {
    return this.#child !== undefined && this.#child.exitCode !== null
  }

  /** `systemctl stop`: SIGTERM, and SIGKILL after `TimeoutStopSec`. */
  async stop(timeoutMs: number): Promise<Stop> {
    const child = this.#child
    if (!child || this.hasEnded) throw new Error('the node has ended by itself')
    const startMs = performance.now()
    const exited = once(child, 'exit')
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
    const [code, signal] = await exited
    clearTimeout(timer)
    return { code, signal, tookMs: performance.now() - startMs }
  }

  kill(): void {
    this.#child?.kill('SIGKILL')
  }
}
