/**
 * One region of a world: a `denizen serve` child process. It is never started again by itself: a
 * node that died says something, and a restart would hide it.
 *
 * The child has a process group of its own, so that Ctrl-C reaches the world alone, which then
 * stops its regions in order. It watches its IPC channel and ends when this process does.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

export type RegionState = 'running' | 'stopped' | 'killed' | 'died'

export interface RegionExit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface RegionProcessOptions {
  /** The arguments behind `denizen serve`. */
  readonly args: readonly string[]
  readonly workingDirectory: string
  /** Appended to: all that the child writes. */
  readonly logFile: string
  /** The child ended though nobody asked it to. */
  readonly onDeath: (exit: RegionExit) => void
}

const entry = fileURLToPath(new URL('../../../bin/denizen.js', import.meta.url))

/** A graceful stop that takes longer ends with SIGKILL. */
const stopMaxMs = 10_000

export class RegionProcess {
  readonly #options: RegionProcessOptions
  #child: ChildProcess | undefined
  #exited: Promise<RegionExit> = Promise.resolve({ code: null, signal: null })
  state: RegionState = 'stopped'

  constructor(options: RegionProcessOptions) {
    this.#options = options
  }

  get pid(): number | undefined {
    return this.state === 'running' ? this.#child?.pid : undefined
  }

  /** Resolves when the process has started, which is long before it serves. */
  async start(): Promise<void> {
    if (this.state === 'running') return
    await this.#exited
    const child = this.#spawn()
    this.#child = child
    this.state = 'running'
    this.#exited = new Promise(resolve => {
      child.once('exit', (code, signal) => {
        resolve({ code, signal })
        if (this.state !== 'running') return
        this.state = 'died'
        this.#options.onDeath({ code, signal })
      })
      child.once('error', () => resolve({ code: null, signal: null }))
    })
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve)
      child.once('error', error => {
        this.state = 'died'
        reject(error)
      })
    })
  }

  #spawn(): ChildProcess {
    const { args, workingDirectory, logFile } = this.#options
    mkdirSync(dirname(logFile), { recursive: true })
    const log = openSync(logFile, 'a')
    try {
      return spawn(process.execPath, [entry, 'serve', ...args], {
        cwd: workingDirectory,
        stdio: ['ignore', log, log, 'ipc'],
        detached: true,
        env: { ...process.env, NO_COLOR: '1' },
      })
    } finally {
      closeSync(log)
    }
  }

  /** SIGTERM, and SIGKILL if that takes too long. Resolves when the process is gone. */
  async stop(): Promise<void> {
    if (this.state === 'running') {
      this.state = 'stopped'
      this.#child?.kill('SIGTERM')
    }
    const timer = setTimeout(() => this.#child?.kill('SIGKILL'), stopMaxMs)
    await this.#exited
    clearTimeout(timer)
  }

  /** SIGKILL, in the middle of a stop too. Resolves when the process is gone. */
  async kill(): Promise<void> {
    this.killNow()
    await this.#exited
  }

  /** For the end of this process, where nothing can be awaited. */
  killNow(): void {
    if (this.state === 'running') this.state = 'killed'
    // No-op once the child is gone: Node does not signal a pid that it has reaped.
    this.#child?.kill('SIGKILL')
  }

  lastLogLines(count: number): readonly string[] {
    try {
      return readFileSync(this.#options.logFile, 'utf8').trimEnd().split('\n').slice(-count)
    } catch {
      return []
    }
  }
}
