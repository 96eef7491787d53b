/** Which jobs a test run has, in which order, and what each of them asks of the machine. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'

/**
 * `light`: about one core. `world`: many processes, that wait for one another most of the time.
 * `measures`: runs while nothing else does.
 */
export type Weight = 'light' | 'world' | 'measures'

export interface Job {
  readonly name: string
  readonly kind: 'check' | 'tests'
  readonly command: string
  readonly args: readonly string[]
  readonly weight: Weight
  readonly timeLimitMs: number
}

const timeLimitMs = 240_000
const worldTimeLimitMs = 300_000

const measuring = ['bench', 'overload']
const worldFolders = ['cluster', 'crash', 'deploy', 'worlds']
/** These run whole worlds as well: through the command line, or through the world of the tests. */
const startsWorlds = [/^(import|\}).* from '.*worlds\/world\.ts'/m, /'dev', '--data'/]

export interface PlanOptions {
  readonly checkout: string
  /** Parts of names; none: everything. */
  readonly filters: readonly string[]
  /** Added to the limit of each file that runs alone, for runs that are asked to take longer. */
  readonly extraMs: number
}

export function plan({ checkout, filters, extraMs }: PlanOptions): readonly Job[] {
  const tests = testFiles(join(checkout, 'test')).map(file => testJob(checkout, file, extraMs))
  const all = [...checks(checkout), ...tests]
  if (filters.length === 0) return all
  return all.filter(({ name }) => filters.some(filter => name.includes(filter)))
}

function checks(checkout: string): readonly Job[] {
  const check = (name: string, command: string, args: readonly string[]): Job => ({
    name,
    kind: 'check',
    command,
    args,
    weight: 'light',
    timeLimitMs,
  })
  const tsc = join(checkout, 'node_modules/typescript/bin/tsc')
  const biome = join(checkout, 'node_modules/@biomejs/biome/bin/biome')
  return [
    check('tsc --noEmit', process.execPath, [tsc, '--noEmit']),
    check('biome check .', process.execPath, [biome, 'check', '.', '--colors=off']),
  ]
}

function testJob(checkout: string, file: string, extraMs: number): Job {
  const name = relative(checkout, file)
  const weight = weightOf(name, file)
  return {
    name,
    kind: 'tests',
    command: process.execPath,
    args: [name],
    weight,
    timeLimitMs: weight === 'light' ? timeLimitMs : worldTimeLimitMs + extraMs,
  }
}

function weightOf(name: string, file: string): Weight {
  const liesIn = (folders: readonly string[]): boolean =>
    folders.some(folder => name.startsWith(`test/${folder}/`))
  const isWorld =
    liesIn(worldFolders) || startsWorlds.some(sign => sign.test(readFileSync(file, 'utf8')))
  if (liesIn(measuring)) return 'measures'
  return isWorld ? 'world' : 'light'
}

const testFiles = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && entry.name.endsWith('.test.ts'))
    .map(entry => join(entry.parentPath, entry.name))
    .sort()
