import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { exitCodes } from '../../src/cli/exit-codes.ts'
import { runDenizen } from './run-denizen.ts'

const directory = mkdtempSync(join(tmpdir(), 'denizen-policy-'))
const file = join(directory, 'denizen.yaml')
const check = (text: string, ...args: string[]) => {
  writeFileSync(file, text)
  return runDenizen(['policy', 'check', '--config', file, ...args])
}

test.after(() => rmSync(directory, { recursive: true }))

const sound = `cluster: test
regions: [eu-west, eu-central]
coordination: { static: eu-west }
datasets:
  cities: { residency: anywhere }
`

test('a sound policy is a table, and what each dataset survives', async () => {
  const { code, stdout } = await check(sound)
  assert.is(code, exitCodes.ok)
  assert.match(stdout, /^cities +home store serve +home store serve +hint$/m)
  assert.match(stdout, /^ {2}cities: the loss of one region of 2/m)
  assert.match(stdout, 'the policy is valid: 0 errors')
})

test('an error has its place, its line and a caret below what is meant', async () => {
  const { code, stdout } = await check(sound.replace('anywhere', '{ store: [eeaa] }'))
  assert.is(code, exitCodes.usage)
  const lines = stdout.split('\n')
  const at = lines.findIndex(line => line.startsWith(`${file}:5:`))
  const column = Number(/:5:(\d+): error: /.exec(lines[at] ?? '')?.[1])
  const source = lines[at + 1] ?? ''
  const caret = lines[at + 2] ?? ''
  assert.is(source, '5 |   cities: { residency: { store: [eeaa] } }')
  assert.is(source.slice(caret.indexOf('^')).slice(0, 4), 'eeaa')
  assert.is(caret.indexOf('^'), '5 | '.length + column - 1)
  assert.match(stdout, 'did you mean "eea"?')
  assert.match(stdout, 'no valid policy: 1 error')
})

test('warnings are errors with --strict', async () => {
  const lonely = sound.replace('anywhere', '{ store: [eu-west] }')
  assert.is((await check(lonely)).code, exitCodes.ok)
  assert.is((await check(lonely, '--strict')).code, exitCodes.usage)
})

test('--json has the same as data', async () => {
  const good = JSON.parse((await check(sound, '--json')).stdout)
  assert.is(good.ok, true)
  assert.equal(
    good.report.rows.map(({ id }: { id: string }) => id),
    ['cities'],
  )
  const bad = await check('cluster: [', '--json')
  assert.is(bad.code, exitCodes.usage)
  assert.is(JSON.parse(bad.stdout).ok, false)
  assert.is(JSON.parse(bad.stdout).diagnostics[0].severity, 'error')
})

test('a file that is not there is wrong usage', async () => {
  const { code, stderr } = await runDenizen(['policy', 'check', '--config', '/nowhere.yaml'])
  assert.is(code, exitCodes.usage)
  assert.match(stderr, /there is no file \/nowhere\.yaml/)
})

test.run()
