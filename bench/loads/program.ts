/** Programs that may be installed, or not. */
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { startProgram } from '../children.ts'
import { cpuSeconds } from '../proc.ts'

/** Where Debian puts servers, which the paths of users often lack. */
const serverFolders = ['/usr/sbin', '/usr/local/sbin']

export function programPath(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...serverFolders]
  return folders.map(folder => join(folder, name)).find(path => existsSync(path))
}

export interface Ran {
  readonly output: string
  /** That it took of the machine while it ran. */
  readonly cores: number
}

const sampleMs = 100

/** Throws unless it ends well. */
export async function runToEnd(name: string, args: readonly string[]): Promise<Ran> {
  const path = programPath(name)
  if (path === undefined) throw new Error(`${name} is not installed`)
  const startMs = performance.now()
  const child = startProgram(path, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  let seconds = 0
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', text => {
      output += text
    })
  }
  const sampler = setInterval(() => {
    // Zero once it is gone.
    seconds = Math.max(seconds, cpuSeconds(child.pid ?? 0))
  }, sampleMs)
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  }).finally(() => clearInterval(sampler))
  if (code !== 0) throw new Error(`${name} ended with ${code}: ${output}`)
  return { output, cores: seconds / ((performance.now() - startMs) / 1_000) }
}
