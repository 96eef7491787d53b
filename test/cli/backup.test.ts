/** Where a backup may be kept, which file is one, and where it can be restored to. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { requirePolicy } from '../../src/cli/required-policy.ts'
import { restore } from '../../src/node/restore.ts'
import { StartError } from '../../src/node/start-error.ts'
import { ask, converged, kv, sendText } from '../cluster/region-client.ts'
import { MarkerSearch } from '../worlds/marker-search.ts'
import { startWorld, type World } from '../worlds/world.ts'
import { type Run, runDenizen } from './run-denizen.ts'

const policyText = (profiles: string, cluster = 'test'): string => `
cluster: ${cluster}
regions: [eu-west, us-east]
coordination: { static: eu-west }
datasets:
  profiles: { residency: { store: ${profiles} } }
  cities: { residency: anywhere }
`

const place = mkdtempSync(join(tmpdir(), 'denizen-backup-'))
const textOf = (dataset: string): string => `what-${dataset}-hold`
let world: World
let names = 0
const newPath = (): string => join(place, `${++names}`)

test.before(async () => {
  world = await startWorld({ config: policyText('[eea]') })
  for (const dataset of ['profiles', 'cities']) {
    for (let n = 0; n < 20; n++) {
      const reply = await ask(
        world,
        'eu-west',
        kv(dataset, `k${n}`),
        sendText('PUT', textOf(dataset)),
      )
      assert.is(reply.status, 201)
    }
  }
  await converged(world)
})

test.after(async () => {
  await world.close()
  rmSync(place, { recursive: true, force: true })
})

const backup = (out: string, ...args: string[]): Promise<Run> =>
  runDenizen(['backup', '--out', out, '--json', ...args])

const policyFile = (text: string): string => {
  const path = `${newPath()}.yaml`
  writeFileSync(path, text)
  return path
}

interface Change {
  readonly file?: string
  readonly directory?: string
  readonly region?: string
  readonly policy?: string
  readonly onRows?: () => void
}

/** In this process: each case costs a verification, not a start of Node. */
const restored = (change: Change = {}) =>
  restore({
    file: change.file ?? whole,
    directory: change.directory ?? newPath(),
    region: change.region ?? 'eu-west',
    policy: requirePolicy(policyFile(change.policy ?? policyText('[eea]'))),
    erased: [],
    onRows: change.onRows ?? (() => {}),
  })

async function refusal(task: Promise<unknown>): Promise<string> {
  const error = await task.then(
    () => new Error('it was done'),
    failure => failure,
  )
  assert.instance(error, StartError, error)
  return error.message
}

const whole = newPath()

test('a backup is a copy: it is kept only where all of its datasets may be stored', async () => {
  const url = ['--url', world.url('eu-west')]
  const out = newPath()
  const { code, stderr } = await backup(out, ...url, '--place', 'us-east')
  assert.is(code, 1)
  assert.match(stderr, /forbidden_place/)
  assert.match(stderr, /no backup may be kept in us-east: profiles may be stored in eu-west/)
  assert.not.match(stderr, /cities/)
  const some = await backup(out, ...url, '--place', 'us-east', '--dataset', 'cities')
  assert.is(some.code, 0, some.stderr)
  for (const wrong of [
    ['--place', 'mars'],
    ['--place', 'eu-west', '--dataset', 'none'],
  ]) {
    assert.is.not((await backup(newPath(), ...url, ...wrong)).code, 0)
  }
  assert.equal(
    readdirSync(place).filter(name => name.includes('partial')),
    [],
  )
  assert.is((await backup(whole, ...url, '--place', 'eu-west')).code, 0)
})

test('a stopped node is backed up from its directory: the same rows', async () => {
  const data = ['--data', world.dataDirectory('eu-west'), '--place']
  const running = await backup(newPath(), ...data, 'eu-west')
  assert.match(running.stderr, /in use by pid/)
  await world.stop('eu-west')
  const stopped = newPath()
  const refused = await backup(stopped, ...data, 'us-east')
  assert.match(refused.stderr, /profiles may be stored in eu-west.*forbidden_place/)
  assert.is((await backup(stopped, ...data, 'eu-west')).code, 0)
  const [live, rest] = [newPath(), newPath()]
  const first = await restored({ directory: live })
  assert.equal(await restored({ file: stopped, directory: rest }), first)
  assert.equal([...first.datasets].sort(), ['cities', 'profiles'])
  const doctor = await runDenizen(['doctor', '--verify', live, rest])
  assert.is(doctor.code, 0, doctor.stdout)
})

test('a file that is damaged anywhere is refused before anything is written', async () => {
  const bytes = readFileSync(whole)
  const file = newPath()
  const directory = newPath()
  const damages = Array.from({ length: 8 }, (_, n) => Math.floor((n * bytes.length) / 8))
  for (const at of [...damages, bytes.length - 1]) {
    const flipped = Buffer.from(bytes)
    flipped[at] = (flipped[at] ?? 0) ^ 0x20
    writeFileSync(file, flipped)
    assert.match(await refusal(restored({ file, directory })), /is damaged|is no backup/)
    writeFileSync(file, bytes.subarray(0, at))
    assert.match(await refusal(restored({ file, directory })), /is damaged|is no backup/)
  }
  writeFileSync(file, Buffer.concat([bytes, Buffer.of(0)]))
  assert.match(await refusal(restored({ file, directory })), /is damaged/)
  assert.equal(readdirSync(directory), [])
})

test('it goes back to its own region and cluster, into a directory that is empty', async () => {
  assert.match(await refusal(restored({ region: 'us-east' })), /of region eu-west, not of us-east/)
  const policy = policyText('[eea]', 'another')
  assert.match(await refusal(restored({ policy })), /of cluster test, .* of another/)
  const directory = newPath()
  mkdirSync(directory)
  writeFileSync(join(directory, 'mine'), '')
  assert.match(await refusal(restored({ directory })), /is not empty/)
})

test('what the region may no longer store is left out', async () => {
  const directory = newPath()
  const policy = policyText('[us]')
  const { datasets, leftOut } = await restored({ directory, policy })
  assert.equal([datasets, leftOut], [['cities'], ['profiles']])
  assert.equal(readdirSync(join(directory, 'datasets')), ['cities'])
  const search = new MarkerSearch({ profiles: textOf('profiles') })
  assert.equal(search.directory(directory), [])
  assert.ok(new MarkerSearch({ cities: textOf('cities') }).directory(directory).length > 0)
})

test('no node starts on half a restore', async () => {
  const directory = newPath()
  const interrupted = restored({
    directory,
    onRows: () => {
      throw new Error('the power is cut')
    },
  })
  await interrupted.catch(() => undefined)
  const config = policyFile(policyText('[eea]'))
  const serve = ['serve', '--region', 'eu-west', '--config', config, '--data', directory]
  const { code, stderr } = await runDenizen(serve)
  assert.is(code, 2)
  assert.match(stderr, /holds half a backup/)
  assert.match(stderr, /run denizen restore again/)
})

test.run()
