/** `denizen dev`: a whole world on this machine. */
import { existsSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Command, Option } from 'commander'
import type { PolicyData } from '../../model/placement.ts'
import { didYouMean } from '../../policy/suggest.ts'
import { examples, integerIn, withConfig } from '../arguments.ts'
import { startControlServer } from '../dev/control-server.ts'
import { controlSocket, defaultDataDirectory, lockWorld } from '../dev/lock.ts'
import { planRegions, portsFromBase, requireFreePorts } from '../dev/plan.ts'
import { addressTable, tour } from '../dev/tour.ts'
import { World } from '../dev/world.ts'
import { usageError } from '../exit-codes.ts'
import { citiesDataset, importCities } from '../import/import-cities.ts'
import { startProgress } from '../import/progress.ts'
import { requirePolicy } from '../required-policy.ts'
import { stopRequested } from '../signals.ts'
import type { Terminal } from '../terminal.ts'
import { registerDevControl } from './dev-control.ts'

interface DevOptions {
  readonly empty: boolean
  readonly latency: 'real' | 'none'
  readonly portBase: number
  readonly data: string
  readonly config: string
  readonly threads: number
}

const minPopulation = 300_000
const readyMaxMs = 60_000
const copiesTimeoutMs = 60_000

export function registerDev(program: Command, terminal: Terminal): void {
  const dev = withConfig(
    program
      .command('dev')
      .description('run a whole world on this machine, with real latencies between its regions')
      .enablePositionalOptions(),
  )
    .option('--empty', 'load no cities', false)
    .addOption(
      new Option('--latency <kind>', 'round trips as between the real places, or none')
        .choices(['real', 'none'])
        .default('real'),
    )
    .option('--port-base <port>', 'the first region listens on the next port', portBase, 7000)
    .option('--data <dir>', 'where the world keeps its data', defaultDataDirectory)
    .option('--threads <n>', 'shard threads per region', integerIn(1, 64), 1)
    .addHelpText(
      'after',
      examples(
        'denizen dev',
        'denizen dev --empty --latency none --port-base 17000 --data /tmp/world',
        'denizen dev kill us-east        # from a second terminal',
        'denizen dev start us-east',
        'denizen dev cut eu-west us-east',
        'denizen dev heal',
      ),
    )
    .allowExcessArguments()
    .action((options: DevOptions, command: Command) => {
      const [unknown] = command.args
      if (unknown !== undefined) throw unknownCommand(dev, unknown)
      return runWorld(options, terminal)
    })
  registerDevControl(dev, terminal)
}

function unknownCommand(dev: Command, word: string): Error {
  const names = dev.commands.map(command => command.name())
  return usageError(`denizen dev has no command ${word}`, didYouMean(word, names))
}

/** Room for the ports of the regions' peers. */
const portBase = integerIn(1, 65_000)

async function runWorld(options: DevOptions, terminal: Terminal): Promise<void> {
  const stop = stopRequested()
  const policy = requirePolicy(options.config)
  const regions = planRegions(policy, index => portsFromBase(options.portBase, index))
  const lock = lockWorld(options.data)
  try {
    await requireFreePorts(regions)
    const world = await World.start({
      regions,
      configPath: resolve(options.config),
      dataDirectory: resolve(options.data),
      latency: options.latency,
      threads: options.threads,
      capture: false,
      onDeath: (region, exit, lines) => reportDeath(terminal, region, exit, lines),
    })
    try {
      await liveIn(world, policy, options, stop, terminal)
    } finally {
      terminal.note('stopping …')
      await world.close()
    }
  } finally {
    lock.release()
  }
}

/** From the first sign of life to the signal to end. */
async function liveIn(
  world: World,
  policy: PolicyData,
  options: DevOptions,
  stop: Promise<void>,
  terminal: Terminal,
): Promise<void> {
  const control = await startControlServer(controlSocket(options.data), world, options.latency)
  try {
    terminal.line(addressTable(world, terminal))
    terminal.line()
    const abort = new AbortController()
    const up = bringUp(world, policy, options, terminal, abort.signal)
    const first = await Promise.race([
      up.then(() => 'up' as const),
      stop.then(() => 'stop' as const),
    ])
    if (first === 'stop') {
      abort.abort()
      await Promise.all([world.close(), up.catch(() => {})])
    }
    await stop
  } finally {
    await control.close()
  }
}

async function bringUp(
  world: World,
  policy: PolicyData,
  options: DevOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  const ids = world.regions.map(({ id }) => id)
  await Promise.all(ids.map(id => readyUnlessEnded(world, id)))
  if (!options.empty) await loadCitiesOnce(world, policy, options, terminal, signal)
  signal.throwIfAborted()
  const latency = options.latency === 'real' ? 'real latencies' : 'no latency'
  terminal.line(`denizen ready: ${ids.length} regions, ${latency}, data in ${options.data}`)
  terminal.line('Ctrl-C stops it. From a second terminal:')
  terminal.line()
  terminal.line(tour(world, policy, options.data, terminal))
}

/** Somebody may play with `denizen dev kill` before all is up: that is no failure. */
async function readyUnlessEnded(world: World, region: string): Promise<void> {
  try {
    await world.ready([region], readyMaxMs)
  } catch (error) {
    const state = world.status().find(status => status.region === region)?.state
    if (state !== 'killed' && state !== 'stopped') throw error
  }
}

/** A marker file says that they are in: what people changed since is theirs. */
async function loadCitiesOnce(
  world: World,
  policy: PolicyData,
  options: DevOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  const marker = join(resolve(options.data), 'cities-loaded')
  if (existsSync(marker)) return
  if (!policy.placements.some(({ id }) => id === citiesDataset)) {
    terminal.note(`no cities are loaded: ${options.config} has no dataset "${citiesDataset}"`)
    return
  }
  const progress = startProgress(terminal, 'loading cities')
  const regions = world.regions.map(region => ({ ...region, url: world.url(region.id) }))
  try {
    const report = await importCities({
      regions,
      minPopulation,
      copiesTimeoutMs,
      signal,
      onProgress: progress.update,
    })
    progress.stop()
    if (report.records > 0) writeFileSync(marker, `${new Date().toISOString()}\n`)
    const failed = Object.values(report.failures).reduce((sum, count) => sum + count, 0)
    const remark = failed === 0 ? '' : `; ${failed} failed, "denizen import cities" repeats them`
    terminal.line(`${report.records} cities with ${minPopulation} people or more are in${remark}`)
  } finally {
    progress.stop()
  }
}

function reportDeath(
  terminal: Terminal,
  region: string,
  { code, signal }: { code: number | null; signal: string | null },
  lastLines: readonly string[],
): void {
  const how = signal === null ? `exit code ${code}` : signal
  terminal.failure(
    [`${region} ended by itself (${how}); the end of its log:`, ...lastLines].join('\n  '),
    `It is not restarted by itself: npx denizen dev start ${region}`,
  )
}
