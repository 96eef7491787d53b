import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { freePorts } from '../../src/cli/dev/ports.ts'
import { exitCodes } from '../../src/cli/exit-codes.ts'
import { checkout, denizenScript, runDenizen } from './run-denizen.ts'

/** A Node of the system that is too old; these tests need one, and many systems have it. */
function oldNode(): string | undefined {
  for (const node of ['/usr/bin/node', '/usr/local/bin/node']) {
    try {
      const version = execFileSync(node, ['--version'], { encoding: 'utf8' })
      if (Number(/^v(\d+)/.exec(version)?.[1]) < 26) return node
    } catch {
      // There is none.
    }
  }
  return undefined
}

const old = oldNode()
const oldTest = old === undefined ? test.skip : test

oldTest('an old Node hands over to the one of the checkout', async () => {
  const node = old ?? ''
  const { code, stdout } = await runDenizen(['--version'], { node })
  assert.is(code, exitCodes.ok)
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/)
})

oldTest('exit codes and standard input pass through', async () => {
  const node = old ?? ''
  assert.is((await runDenizen(['stauts'], { node })).code, exitCodes.usage)
  const [port] = await freePorts(1)
  const put = ['put', 'cities', 'a', '--url', `http://127.0.0.1:${port}`]
  const { code } = await runDenizen(put, { node, input: 'x' })
  assert.is(code, exitCodes.unreachable)
})

oldTest('signals pass through', async () => {
  // It reads standard input, which never ends.
  const child = spawn(old ?? '', [denizenScript, 'put', 'cities', 'a'], { cwd: checkout })
  const inner = await innerPid(child.pid ?? 0)
  child.kill('SIGTERM')
  const [code] = await once(child, 'exit')
  assert.is(code, 128 + 15)
  assert.throws(() => process.kill(inner, 0), /ESRCH/)
})

oldTest('without a newer Node it says which version is needed', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'denizen-bin-'))
  try {
    mkdirSync(join(directory, 'bin'))
    const script = join(directory, 'bin', 'denizen.mjs')
    copyFileSync(denizenScript, script)
    const { code, stderr } = await runDenizen(['--version'], { node: old ?? '', script })
    assert.is(code, exitCodes.usage)
    assert.match(stderr, /needs Node 26 or newer; this is \d+\./)
    assert.match(stderr, /npm ci/)
  } finally {
    rmSync(directory, { recursive: true })
  }
})

/** The process that the wrapper has started, once it is there. */
async function innerPid(wrapper: number): Promise<number> {
  for (;;) {
    const found = childOf(wrapper)
    if (found !== undefined) return found
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}

function childOf(parent: number): number | undefined {
  try {
    return Number(
      execFileSync('pgrep', ['-P', String(parent)], { encoding: 'utf8' }).split('\n')[0],
    )
  } catch (error) {
    // 1: there is none yet.
    if (error instanceof Error && 'status' in error && error.status === 1) return undefined
    throw error
  }
}

test.run()
