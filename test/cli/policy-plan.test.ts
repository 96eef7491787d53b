/** `policy plan` where there is no plan: bad files, and nodes that do not answer. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { freePorts } from '../../src/cli/dev/ports.ts'
import { exitCodes } from '../../src/cli/exit-codes.ts'
import { bytesText, countText, secondsText } from '../../src/cli/quantities.ts'
import { runHere } from './run-here.ts'

const directory = mkdtempSync(join(tmpdir(), 'denizen-plan-'))
const config = join(directory, 'denizen.yaml')
const [port] = await freePorts(1)
const url = `http://127.0.0.1:${port}`
test.after(() => rmSync(directory, { recursive: true }))

const plan = (residency: string, ...args: readonly string[]) => {
  writeFileSync(
    config,
    [
      ...['cluster: test', 'regions: [eu-west, eu-central]', 'coordination: { static: eu-west }'],
      ...['datasets:', `  cities: { residency: ${residency} }`, ''],
    ].join('\n'),
  )
  return runHere(['policy', 'plan', '--config', config, '--url', url, ...args])
}

test('a file with errors is told before any node is asked', async () => {
  const { code, stdout } = await plan('{ store: [eeaa] }')
  assert.is(code, exitCodes.usage)
  assert.match(stdout, 'did you mean "eea"?')
  assert.match(stdout, `See denizen policy check --config ${config}`)
  const asJson = await plan('{ store: [eeaa] }', '--json')
  assert.is(asJson.code, exitCodes.usage)
  const { ok, diagnostics } = JSON.parse(asJson.stdout)
  assert.equal([ok, diagnostics.length], [false, 1])
})

test('plan and report need a node', async () => {
  assert.is((await plan('anywhere')).code, exitCodes.unreachable)
  assert.is((await runHere(['policy', 'report', '--url', url])).code, exitCodes.unreachable)
})

test('quantities read well', () => {
  assert.equal([0, 1023, 1024, 3_600_000, 5 * 1024 ** 4].map(bytesText), [
    ...['0 B', '1023 B', '1.0 KiB', '3.4 MiB', '5.0 TiB'],
  ])
  assert.equal(
    [1, 2].map(count => countText(count, 'home')),
    ['1 home', '2 homes'],
  )
  assert.equal([0, 40, 180, 9_000].map(secondsText), ['about a second', '40 s', '3 min', '2.5 h'])
})

test.run()
