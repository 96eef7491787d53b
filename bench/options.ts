/** What `npm run bench` is asked for. */
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type RowId, rows, type WorkloadId, workloadIds } from './rows.ts'
import { type Scale, type ScaleId, scales } from './scale.ts'

export const usage = `npm run bench -- [options]
  --full          everything, with 1 and 10 million keys: about forty minutes
  --tiny          as little of it as npm test runs: no figure of it means anything
  --only A,B,…    rows (1, 2a, …) or workloads: ${workloadIds.join(', ')}
  --rounds N      of all measurements in turn
  --seconds N     of each measurement, in whole seconds
  --keys N        of the workload start (--full: 10000000)
  --threads N     of Denizen and of the bare server (default: one for each core, 8 at most)
  --out DIR       where the result file goes (default bench/results)
  --json          print the result file instead of tables`

export class UsageError extends Error {}

export interface Options {
  readonly scaleId: ScaleId
  readonly scale: Scale
  readonly workloads: ReadonlySet<WorkloadId>
  readonly threads: number
  readonly out: string
  readonly asJson: boolean
  /** For the name of the result file. */
  readonly what: string
  readonly isHelp: boolean
}

const threadsMax = 8

export function readOptions(args: readonly string[]): Options {
  const { values } = parse(args)
  if (values.full && values.tiny) throw new UsageError('--full and --tiny exclude each other')
  const scaleId = values.full ? 'full' : values.tiny ? 'tiny' : 'short'
  const base = scales[scaleId]
  const number = (name: 'rounds' | 'seconds' | 'keys' | 'threads', otherwise: number): number =>
    values[name] === undefined ? otherwise : positive(name, values[name])
  const scale = {
    ...base,
    rounds: number('rounds', base.rounds),
    seconds: number('seconds', base.seconds),
    matrix: { ...base.matrix, seconds: number('seconds', base.matrix.seconds) },
    start: { ...base.start, keys: number('keys', base.start.keys) },
  }
  return {
    ...{ scaleId, scale, out: values.out, asJson: values.json, isHelp: values.help },
    workloads: workloadsOf(values.only),
    threads: number('threads', Math.min(threadsMax, availableParallelism())),
    what: [scaleId, ...(values.only?.split(',') ?? [])].join('-'),
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        full: { type: 'boolean', default: false },
        tiny: { type: 'boolean', default: false },
        only: { type: 'string' },
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        keys: { type: 'string' },
        threads: { type: 'string' },
        out: { type: 'string', default: join(import.meta.dirname, 'results') },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : `${error}`)
  }
}

function workloadsOf(only: string | undefined): ReadonlySet<WorkloadId> {
  if (only === undefined) return new Set(workloadIds)
  return new Set(only.split(',').flatMap(word => workloadsNamed(word.trim())))
}

/** `2` stands for 2a and 2b. */
function workloadsNamed(word: string): readonly WorkloadId[] {
  const named = workloadIds.filter(id => id === word)
  if (named.length > 0) return named
  const found = rows.filter(({ id }) => id === word || id.replace(/[a-z]$/, '') === word)
  if (found.length > 0) return found.map(({ workload }) => workload)
  const known = [...rows.map(({ id }): RowId => id), ...workloadIds]
  throw new UsageError(`--only ${word} is none of ${known.join(', ')}`)
}

function positive(name: string, text: string): number {
  const number = Number(text)
  if (Number.isInteger(number) && number > 0) return number
  throw new UsageError(`--${name} ${text} is no positive whole number`)
}
