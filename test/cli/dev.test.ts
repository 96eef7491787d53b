import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { freePorts, isPortFree } from '../../src/cli/dev/ports.ts'
import { exitCodes } from '../../src/cli/exit-codes.ts'
import { isAlive } from '../../src/runtime/pid-file.ts'
import { checkout, denizenScript, runDenizen } from './run-denizen.ts'

const regions = ['eu-west', 'eu-central', 'us-east', 'ap-northeast']

interface Dev {
  readonly child: ChildProcess
  readonly data: string
  readonly portBase: number
  readonly output: () => string
}

/** Runs `denizen dev` until it is ready, then the task, and leaves nothing behind. */
async function withDev(args: readonly string[], task: (dev: Dev) => Promise<void>): Promise<void> {
  const data = mkdtempSync(join(tmpdir(), 'denizen-dev-'))
  const portBase = await freePortBase()
  const child = spawn(
    process.execPath,
    [denizenScript, 'dev', '--data', data, '--port-base', `${portBase}`, ...args],
    { cwd: checkout, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let output = ''
  child.stdout.on('data', chunk => {
    output += chunk
  })
  child.stderr.on('data', chunk => {
    output += chunk
  })
  try {
    await until(
      () => /^denizen ready/m.test(output) || child.exitCode !== null,
      () => output,
    )
    assert.is(child.exitCode, null, output)
    await task({ child, data, portBase, output: () => output })
  } finally {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGINT')
      await once(child, 'exit')
    }
    rmSync(data, { recursive: true })
  }
}

async function freePortBase(): Promise<number> {
  for (;;) {
    const [port = 0] = await freePorts(1)
    const all = regions.flatMap((_, index) => [port + index + 1, port + index + 101])
    const free = await Promise.all(all.map(isPortFree))
    if (free.every(isFree => isFree)) return port
  }
}

async function until(
  condition: () => boolean | Promise<boolean>,
  state: () => string,
): Promise<void> {
  const deadlineMs = performance.now() + 60_000
  while (!(await condition())) {
    if (performance.now() > deadlineMs) throw new Error(`it did not come to pass: ${state()}`)
    await new Promise(look => setTimeout(look, 20))
  }
}

const statusOf = async (data: string) => {
  const { stdout } = await runDenizen(['dev', 'status', '--json', '--data', data])
  return JSON.parse(stdout) as {
    regions: { region: string; state: string; pid?: number; url: string }[]
    cuts: string[][]
  }
}

const pidsOf = async (data: string): Promise<number[]> =>
  (await statusOf(data)).regions.flatMap(({ pid }) => pid ?? [])

test('a world from start to Ctrl-C, played with from a second terminal', async () => {
  let pids: number[] = []
  await withDev(['--empty', '--latency', 'none'], async ({ child, data, portBase, output }) => {
    assert.match(output(), new RegExp(`^eu-west .*http://127\\.0\\.0\\.1:${portBase + 1}`, 'm'))
    assert.match(output(), new RegExp(`^ap-northeast .*:${portBase + 4}`, 'm'))
    await until(() => output().includes('curl -i -X PUT'), output)
    pids = await pidsOf(data)
    assert.is(pids.length, 4)

    const second = await runDenizen(['dev', '--data', data])
    assert.is(second.code, exitCodes.usage)
    assert.match(second.stderr, `a world runs on ${data} already, as pid ${child.pid}`)

    const other = join(data, 'other')
    const taken = await runDenizen(['dev', '--data', other, '--port-base', `${portBase}`])
    assert.is(taken.code, exitCodes.usage)
    assert.match(taken.stderr, new RegExp(`Port ${portBase + 1} is taken.*; use --port-base`))

    const url = `http://127.0.0.1:${portBase + 2}`
    const put = await runDenizen(['put', 'cities', 'a/b', '{"x":1}', '--url', url, '--json'])
    assert.is(put.code, exitCodes.ok, put.stderr)
    assert.is(JSON.parse(put.stdout).home, 'eu-central')
    const again = (...more: string[]) =>
      runDenizen(['put', 'cities', 'a/b', '{"x":2}', '--url', url, ...more])
    await until(
      async () => (await again('--acks', 'all')).code === exitCodes.ok,
      () => 'all have it',
    )
    const tooMany = await again('--acks', '9')
    assert.is(tooMany.code, exitCodes.usage)
    assert.match(tooMany.stderr, /9 regions were asked for, and 4 may store .*acks_above_regions/)
    const del = ['del', 'cities', 'a/b', '--url', url, '--acks']
    assert.is((await runDenizen([...del, 'most'])).code, exitCodes.usage)
    assert.is((await runDenizen([...del, 'quorum'])).code, exitCodes.ok)

    const at = ['--data', data]
    assert.is((await runDenizen(['dev', 'kill', 'us-east', ...at])).code, exitCodes.ok)
    assert.is((await statusOf(data)).regions[2]?.state, 'killed')
    const status = await runDenizen(['status', '--url', url])
    assert.is(status.code, exitCodes.unreachable)
    assert.match(status.stdout, /^us-east .*unreachable/m)
    assert.is((await runDenizen(['dev', 'start', 'us-east', ...at])).code, exitCodes.ok)
    assert.is((await statusOf(data)).regions[2]?.state, 'running')

    await runDenizen(['dev', 'cut', 'us-east', 'eu-west', ...at])
    assert.equal((await statusOf(data)).cuts, [['eu-west', 'us-east']])
    await runDenizen(['dev', 'heal', ...at])
    assert.equal((await statusOf(data)).cuts, [])

    const unknown = await runDenizen(['dev', 'kill', 'us-west', ...at])
    assert.is(unknown.code, exitCodes.failed)
    assert.match(unknown.stderr, 'this world has no region us-west')
    pids = await pidsOf(data)

    child.kill('SIGINT')
    const [code] = await once(child, 'exit')
    assert.is(code, exitCodes.ok)
    assert.not(existsSync(join(data, 'dev.lock')))
    assert.equal(
      pids.filter(pid => isAlive(pid)),
      [],
    )
  })
})

test('a region that dies is reported and not started again', () =>
  withDev(['--empty', '--latency', 'none'], async ({ data, output }) => {
    const { pid = 0 } = (await statusOf(data)).regions[3] ?? {}
    process.kill(pid, 'SIGKILL')
    await until(() => /ap-northeast ended by itself \(SIGKILL\)/.test(output()), output)
    assert.match(output(), 'denizen dev start ap-northeast')
    assert.is((await statusOf(data)).regions[3]?.state, 'died')
  }))

test('the regions end with the world, even if it is killed', () =>
  withDev(['--empty', '--latency', 'none'], async ({ child, data }) => {
    const pids = await pidsOf(data)
    assert.is(pids.length, 4)
    child.kill('SIGKILL')
    await once(child, 'exit')
    await until(
      () => pids.every(pid => !isAlive(pid)),
      () => `alive: ${pids.filter(isAlive)}`,
    )
  }))

test.run()
