/** Runs the command line as people do: a process of its own. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export const denizenScript = fileURLToPath(new URL('../../bin/denizen.js', import.meta.url))
export const checkout = fileURLToPath(new URL('../../', import.meta.url))

export interface Run {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  /** The Node that starts the script; default: this one. */
  readonly node?: string
  readonly script?: string
  readonly workingDirectory?: string
  readonly input?: string
}

export function runDenizen(args: readonly string[], options: RunOptions = {}): Promise<Run> {
  const { node = process.execPath, script = denizenScript, workingDirectory = checkout } = options
  const { DENIZEN_URL: _, FORCE_COLOR: __, ...env } = process.env
  const child = spawn(node, [script, ...args], { cwd: workingDirectory, env })
  const texts = { stdout: '', stderr: '' }
  child.stdout.on('data', chunk => {
    texts.stdout += chunk
  })
  child.stderr.on('data', chunk => {
    texts.stderr += chunk
  })
  child.stdin.end(options.input ?? '')
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', code => resolve({ code, ...texts }))
  })
}
