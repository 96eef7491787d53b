/**
 * Runs one process with a time limit, in a process group and with a temporary directory of its own.
 * What it leaves behind is cleared away, and reported: a test that leaves processes running
 * disturbs those after it.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Ending } from './totals.ts'

export interface ProcessOptions {
  readonly command: string
  readonly args: readonly string[]
  readonly workingDirectory: string
  readonly env: NodeJS.ProcessEnv
  readonly timeLimitMs: number
  /** After these words at the end of its output it has little time left to end by itself. */
  readonly lastWords?: RegExp
  /** So little. */
  readonly lingerMs?: number
}

export interface ProcessResult extends Ending {
  readonly durationMs: number
  readonly isOverTime: boolean
  /** It had said its last words, and was ended because it went on. */
  readonly isLingering: boolean
  /** Processes that were still running some time after their parent had ended; they are ended. */
  readonly leftBehind: number
}

const outputCharsMax = 2_000_000
/** A killed parent's children notice it by themselves within this time. */
const leaveWithinMs = 5_000
const lookEveryMs = 100
const markName = 'DENIZEN_TEST_JOB'

let jobs = 0
const running = new Set<() => void>()

/** For the end of the run by a signal: ends everything that was started. */
export function endAll(): void {
  for (const end of running) end()
}

export async function runProcess(options: ProcessOptions): Promise<ProcessResult> {
  const mark = `${process.pid}-${jobs++}`
  const directory = mkdtempSync(join(tmpdir(), 'denizen-test-'))
  const startMs = performance.now()
  try {
    const ending = await untilEnd(options, {
      ...options.env,
      TMPDIR: directory,
      [markName]: mark,
    })
    const durationMs = performance.now() - startMs
    return { ...ending, durationMs, leftBehind: await clearAway(mark) }
  } finally {
    rmSync(directory, { recursive: true, force: true, maxRetries: 3 })
  }
}

function untilEnd(
  { command, args, workingDirectory, timeLimitMs, lastWords, lingerMs = 15_000 }: ProcessOptions,
  env: NodeJS.ProcessEnv,
): Promise<Omit<ProcessResult, 'durationMs' | 'leftBehind'>> {
  const child = spawn(command, args, {
    cwd: workingDirectory,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const chunks = new BoundedText()
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      chunks.add(text)
      if (lastWords?.test(chunks.end())) lingering ??= setTimeout(endLingering, lingerMs)
    })
  }
  const end = () => endGroup(child.pid)
  let lingering: NodeJS.Timeout | undefined
  let isLingering = false
  const endLingering = () => {
    isLingering = true
    end()
  }
  running.add(end)
  let isOverTime = false
  const timer = setTimeout(() => {
    isOverTime = true
    end()
  }, timeLimitMs)
  return new Promise(resolve => {
    const finish = (code: number | null, signal: NodeJS.Signals | null) => {
      clearTimeout(timer)
      clearTimeout(lingering)
      running.delete(end)
      resolve({ code, signal, output: chunks.text(), isOverTime, isLingering })
    }
    child.once('error', error => {
      chunks.add(`${command}: ${error.message}\n`)
      finish(1, null)
    })
    child.once('exit', (code, signal) => {
      // Whoever inherited the pipes may hold them open for long; the last words come soon.
      const closing = setTimeout(() => finish(code, signal), 1_000)
      child.once('close', () => {
        clearTimeout(closing)
        finish(code, signal)
      })
    })
  })
}

function endGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // The group has ended by itself.
  }
}

/** The number of processes that did not go by themselves. */
async function clearAway(mark: string): Promise<number> {
  const deadlineMs = performance.now() + leaveWithinMs
  let left = marked(mark)
  while (left.length > 0 && performance.now() < deadlineMs) {
    await new Promise(look => setTimeout(look, lookEveryMs))
    left = marked(mark)
  }
  for (const pid of left) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It went in this moment.
    }
  }
  return left.length
}

/**
 * Also those in other process groups: they inherit the mark. Linux only; elsewhere none is seen.
 */
function marked(mark: string): readonly number[] {
  if (process.platform !== 'linux') return []
  const text = `${markName}=${mark}`
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .filter(pid => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(text)
      } catch {
        return false // It has ended, or is another user's.
      }
    })
    .map(Number)
}

/** The beginning and the end of a text that may have no bound. */
class BoundedText {
  #head = ''
  #tail = ''
  #dropped = 0

  add(text: string): void {
    const room = outputCharsMax / 2 - this.#head.length
    this.#head += text.slice(0, Math.max(0, room))
    const tail = this.#tail + text.slice(Math.max(0, room))
    this.#dropped += Math.max(0, tail.length - outputCharsMax / 2)
    this.#tail = tail.slice(-outputCharsMax / 2)
  }

  end(): string {
    const tail = this.#tail.length < 200 ? this.#head + this.#tail : this.#tail
    return tail.slice(-200)
  }

  text(): string {
    const gap = this.#dropped > 0 ? `\n[${this.#dropped} characters left out]\n` : ''
    return this.#head + gap + this.#tail
  }
}
