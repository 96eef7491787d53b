import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { requirePolicy } from '../../src/cli/required-policy.ts'
import { refusal } from './commands.ts'
import { deploy, read } from './places.ts'
import { parseUnit, service, startCommand } from './systemd-unit.ts'

const path = 'deploy/systemd/denizen@.service'
const unit = parseUnit(read(path))
const regions = requirePolicy(`${deploy}/denizen.yaml`).regions.map(({ id }) => id)

/** The example environment files stand for those of /etc/denizen. */
const example = (file: string): string | undefined =>
  file.startsWith('/etc/denizen/') ? read(`deploy/systemd/${basename(file)}`) : undefined

test('serve accepts what the unit starts, in each region', () => {
  for (const region of regions) {
    const [node, script, ...args] = startCommand(unit, region, example)
    assert.is(node, '/usr/bin/node')
    assert.is(script, '/opt/denizen/bin/denizen.js')
    assert.is(refusal(args), undefined)
    assert.is(args[args.indexOf('--region') + 1], region)
    const peers = args.filter((_, index) => args[index - 1] === '--peer')
    assert.equal(
      peers.map(peer => peer.split('=')[0]),
      regions,
    )
    const own = peers.find(peer => peer.startsWith(`${region}=`))
    assert.is(own, `${region}=${args[args.indexOf('--peer-listen') + 1]}`)
  }
})

test('a statement for one start is what the operator writes into a file of /run', () => {
  const read = (file: string): string | undefined =>
    file === '/run/denizen-us-east.env' ? 'DENIZEN_STATEMENT=--others-stopped\n' : example(file)
  assert.is(startCommand(unit, 'us-east', read).at(-1), '--others-stopped')
  assert.not(startCommand(unit, 'eu-west', read).includes('--others-stopped'))
})

test('the node may write to its data directory and to nothing else', () => {
  const args = startCommand(unit, 'eu-west', example)
  assert.equal(service(unit, 'StateDirectory'), ['denizen/%i'])
  assert.is(args[args.indexOf('--data') + 1], '/var/lib/denizen/eu-west')
  assert.equal(service(unit, 'ProtectSystem'), ['strict'])
  assert.equal(service(unit, 'NoNewPrivileges'), ['yes'])
  assert.equal(service(unit, 'ReadWritePaths'), [])
})

test('it is given more time to stop than it gives itself', () => {
  const [, closeMaxMs] = /closeMaxMs = ([\d_]+)/.exec(read('src/cli/commands/serve.ts')) ?? []
  const stopS = Number(service(unit, 'TimeoutStopSec')[0])
  assert.ok(stopS * 1_000 >= 2 * Number(closeMaxMs?.replace('_', '')))
})

/** systemd-analyze on a copy of the unit that names a program which is on this machine. */
function analyze(...args: readonly string[]): { readonly code: number | null; output: string } {
  const directory = mkdtempSync(join(tmpdir(), 'denizen-unit-'))
  try {
    const file = join(directory, basename(path))
    writeFileSync(file, read(path).replace('/usr/bin/node', process.execPath))
    const { status, stderr } = spawnSync('systemd-analyze', [...args, file], { encoding: 'utf8' })
    return { code: status, output: stderr }
  } finally {
    rmSync(directory, { recursive: true })
  }
}

const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0
const systemdTest = hasSystemd ? test : test.skip

systemdTest('systemd-analyze verify has nothing to say', () => {
  const { code, output } = analyze('verify')
  const older = /Unknown key '(RestartSteps|RestartMaxDelaySec)' in section \[Service\], ignoring/
  const lines = output.split('\n').filter(line => line !== '' && !older.test(line))
  assert.equal(lines, [])
  assert.is(code, 0)
})

systemdTest('systemd-analyze security counts little exposure: at most 2 of 10', () => {
  const { code, output } = analyze('security', '--offline=true', '--no-pager', '--threshold=20')
  assert.is(code, 0, output)
})

test.run()
