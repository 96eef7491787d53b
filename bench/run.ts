/** `npm run bench`: the harness. See bench/README.md for what is measured and how to read it. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import pc from 'picocolors'
import { benchHttp } from './http.ts'
import { benchImport } from './import.ts'
import { describeCommit, describeMachine } from './machine.ts'
import { formatReport, httpFigures, type ImportFigures, type Report } from './report.ts'

const checkout = join(import.meta.dirname, '..')

const usage = `npm run bench -- [options]
  --seconds N          of each measurement (default 5)
  --rounds N           of all measurements in turn (default 3)
  --connections N      (default 32)
  --only http|import
  --min-population N   import the places with so many people (default 15000)
  --full               import all 135,233 places
  --out DIR            where the result file goes (default bench/results)
  --json               print the result file instead of a table`

class UsageError extends Error {}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '5' },
      rounds: { type: 'string', default: '3' },
      connections: { type: 'string', default: '32' },
      only: { type: 'string' },
      'min-population': { type: 'string', default: '15000' },
      full: { type: 'boolean', default: false },
      out: { type: 'string', default: join(checkout, 'bench/results') },
      json: { type: 'boolean', default: false },
    },
  })
  const { only } = values
  if (only !== undefined && only !== 'http' && only !== 'import') {
    throw new UsageError(`--only ${only} is neither http nor import`)
  }
  const base = {
    what: only ?? 'http-and-import',
    date: new Date().toISOString(),
    command: ['npm run bench --', ...process.argv.slice(2)].join(' ').replace(/ --$/, ''),
    commit: describeCommit(checkout),
    machine: describeMachine(),
  }
  const http = only === 'import' ? undefined : await runHttp(values)
  const minPopulation = values.full ? 0 : positive(values, 'min-population')
  const cities = only === 'http' ? undefined : await runImport(minPopulation)
  const report: Report = { ...base, ...(http && { http }), ...(cities && { cities }) }
  const text = `${JSON.stringify(report, null, 2)}\n`
  mkdirSync(values.out, { recursive: true })
  writeFileSync(join(values.out, `${base.date.slice(0, 10)}-${base.what}.json`), text)
  process.stdout.write(values.json ? text : `${formatReport(pc, report)}\n`)
}

type Values = Readonly<Record<'seconds' | 'rounds' | 'connections' | 'min-population', string>>

async function runHttp(values: Values): Promise<NonNullable<Report['http']>> {
  const report = await benchHttp({
    seconds: positive(values, 'seconds'),
    rounds: positive(values, 'rounds'),
    connections: positive(values, 'connections'),
  })
  return { ...report, figures: httpFigures(report.rounds) }
}

async function runImport(minPopulation: number): Promise<ImportFigures> {
  const { records, durationMs, recordsPerSecond, catchUpMs, entered, homes } = await benchImport({
    minPopulation,
  })
  return { records, durationMs, recordsPerSecond, catchUpMs, entered, homes }
}

function positive(values: Values, name: keyof Values): number {
  const number = Number(values[name])
  if (!(number > 0)) throw new UsageError(`--${name} ${values[name]} is no positive number`)
  return number
}

const isParseError = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && `${error.code}`.startsWith('ERR_PARSE_ARGS')

try {
  await main()
} catch (error) {
  const isMistake = error instanceof UsageError || isParseError(error)
  const text = error instanceof Error && !isMistake ? error.stack : `${error}\n${usage}`
  process.stderr.write(`${text}\n`)
  process.exitCode = isMistake ? 2 : 1
}
