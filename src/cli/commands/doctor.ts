/** `denizen doctor --verify`: reads data directories at rest and tells whether they are sound. */
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { loadHasher } from '../../model/hash.ts'
import { examples, withJson, withUrl } from '../arguments.ts'
import { type Disagreement, disagreements, type VerifiedDirectory } from '../doctor/compare.ts'
import { openStoppedDirectory } from '../doctor/data-directory.ts'
import { scrubNode } from '../doctor/scrub-node.ts'
import { type Finding, verifyDataset } from '../doctor/verify.ts'
import { exitCodes, usageError } from '../exit-codes.ts'
import { formatTable } from '../table.ts'
import type { Terminal } from '../terminal.ts'

interface DoctorOptions {
  readonly verify?: readonly string[]
  /** `true`: of the node at `url`. */
  readonly scrub?: readonly string[] | true
  readonly keys: boolean
  readonly url: string
  readonly json: boolean
}

/** Findings shown for people; --json has all. */
const shownMax = 20

export function registerDoctor(program: Command, terminal: Terminal): void {
  withJson(
    withUrl(
      program
        .command('doctor')
        .description('verify what nodes store, stopped or running, and copies with each other')
        .option('--verify <dir...>', 'data directories; their nodes must be stopped')
        .option(
          '--scrub [dir...]',
          'the same, or without a directory: of the running node at --url',
        )
        .option('--keys', 'name the keys of damaged records; in data directories only', false),
    ),
  )
    .addHelpText(
      'after',
      [
        examples(
          'denizen doctor --verify data/eu-west',
          'denizen doctor --verify .denizen/dev/eu-west .denizen/dev/us-east --json',
          'denizen doctor --scrub --url http://127.0.0.1:7001',
        ),
        '\n\nCopies agree once the followers have caught up: compare nodes that were stopped at rest.',
        '\nExit code 1 when a record is damaged, or copies disagree.',
      ].join(''),
    )
    .action((options: DoctorOptions) => diagnose(options, terminal))
}

async function diagnose(options: DoctorOptions, terminal: Terminal): Promise<void> {
  const { verify: stopped, scrub, keys, url, json } = options
  if ((stopped === undefined) === (scrub === undefined)) {
    throw usageError('say what to examine', 'Use either --verify DIR or --scrub.')
  }
  if (scrub !== true) {
    await verify(stopped ?? scrub ?? [], options, terminal)
    return
  }
  if (keys) {
    throw usageError('a running node names no keys', 'Stop it, and use --scrub DIR --keys there.')
  }
  await scrubNode(url, json, terminal)
}

async function verify(
  paths: readonly string[],
  { json, keys: withKeys }: DoctorOptions,
  terminal: Terminal,
): Promise<void> {
  // All of them first: who runs is said before hours of reading.
  const opened = paths.map(path => openStoppedDirectory(resolve(path)))
  const hasher = await loadHasher()
  const directories: VerifiedDirectory[] = []
  for (const { path, region, datasets } of opened) {
    const verified = []
    for (const dataset of datasets)
      verified.push(await verifyDataset(hasher, dataset, { withKeys }))
    directories.push({ path, region, datasets: verified })
  }
  const differing = disagreements(directories)
  const isSound =
    differing.length === 0 &&
    directories.every(({ datasets }) => datasets.every(({ findings }) => findings.length === 0))
  if (json) terminal.json(jsonReport(directories, differing, isSound))
  else show(terminal, directories, differing, isSound)
  if (!isSound) terminal.exitCode = exitCodes.failed
}

const jsonReport = (
  directories: readonly VerifiedDirectory[],
  differing: readonly Disagreement[],
  isSound: boolean,
): unknown => ({
  sound: isSound,
  directories: directories.map(({ path, region, datasets }) => ({
    path,
    region,
    datasets: datasets.map(({ dataset, records, tombstones, findings }) => ({
      dataset,
      records,
      tombstones,
      findings,
    })),
  })),
  disagreements: differing,
})

function show(
  terminal: Terminal,
  directories: readonly VerifiedDirectory[],
  differing: readonly Disagreement[],
  isSound: boolean,
): void {
  const { colors } = terminal
  const rows = directories.flatMap(({ region, datasets }) =>
    datasets.map(({ dataset, records, tombstones, findings }) => [
      region,
      dataset,
      records,
      tombstones,
      findings.length === 0 ? colors.green('sound') : colors.red(`${findings.length} problems`),
    ]),
  )
  terminal.line(formatTable(colors, ['region', 'dataset', 'records', 'tombstones', ''], rows))
  const problems = [
    ...directories.flatMap(({ region, datasets }) =>
      datasets.flatMap(({ findings }) => findings.map(finding => findingText(region, finding))),
    ),
    ...differing.map(disagreementText),
  ]
  if (problems.length > 0) terminal.line()
  for (const problem of problems.slice(0, shownMax)) terminal.line(problem)
  if (problems.length > shownMax) terminal.line(`… ${problems.length} in all: see --json`)
  terminal.line()
  if (isSound)
    terminal.line(colors.green(`sound${directories.length > 1 ? ', and in agreement' : ''}`))
  else {
    terminal.line(colors.red('not sound'))
    terminal.line(
      'Damage: start the node, which refuses what is damaged and fetches it from a region whose copy is sound. Disagreement alone: start the nodes, let them catch up, and compare again.',
    )
  }
}

const findingText = (region: string, { dataset, store, slot, problem, key }: Finding): string =>
  [
    `${region}: ${dataset}`,
    store === undefined ? '' : `, store ${store}`,
    slot === undefined ? '' : `, slot ${slot}`,
    `: ${problem}`,
    key === undefined ? '' : ` (${JSON.stringify(key)})`,
  ].join('')

const disagreementText = ({ dataset, slot, copies }: Disagreement): string => {
  const where = slot === undefined ? 'the number of slots' : `slot ${slot}`
  const counts = copies.map(({ path, records }) => `${path} has ${records} records`)
  return `${dataset}: copies differ in ${where}: ${counts.join(', ')}`
}
