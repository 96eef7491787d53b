import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { AccessState } from '../../src/access/access-control.ts'
import type { AdministrativeAct } from '../../src/model/administrative-act.ts'
import { utf8 } from '../../src/model/bytes.ts'
import { AccessRules } from '../../src/node/access-rules.ts'
import { StartError } from '../../src/node/start-error.ts'
import { recordingLogger } from '../api/world.ts'
import { manualClock } from '../support/manual-clock.ts'
import { memoryDisk } from '../support/memory-disk.ts'

const path = '/etc/denizen/access.yaml'

const tokens = (...ids: readonly string[]): string =>
  [
    'tokens:',
    ...ids.map(
      id =>
        `  - { id: ${id}, hash: "${'0'.repeat(64)}", created: 2026-01-01T00:00:00Z, scopes: [], rate: 5 }`,
    ),
  ].join('\n')

async function openRules(files: Readonly<Record<string, string>>) {
  const disk = memoryDisk()
  const write = (name: string, text: string): void => {
    disk.files.set(name, utf8(text))
  }
  for (const [name, text] of Object.entries(files)) write(name, text)
  const { log, lines } = recordingLogger()
  const clock = manualClock()
  const acts: AdministrativeAct[] = []
  const states: AccessState[] = []
  const audit = { record: async (act: AdministrativeAct) => void acts.push(act) }
  const rules = await AccessRules.open({
    ...{ path, disk, clock, log, audit },
    onChange: state => states.push(state),
  })
  /** A poll is due; resolves when the next one is scheduled. */
  const poll = async (): Promise<void> => {
    clock.advance(1_000)
    for (let turn = 0; turn < 5; turn++) await new Promise<void>(resolve => setImmediate(resolve))
  }
  return { rules, write, disk, poll, lines, acts, states }
}

const idsIn = ({ file }: AccessState): readonly string[] => (file.tokens ?? []).map(({ id }) => id)

test('a changed file is in force at the next poll, for every thread', async () => {
  const { rules, write, poll, states, acts } = await openRules({
    [path]: tokens('aaaaaaaa', 'bbbbbbbb'),
  })
  assert.equal(idsIn(rules.state), ['aaaaaaaa', 'bbbbbbbb'])
  await poll()
  assert.is(states.length, 0, 'nothing has changed')
  write(path, tokens('bbbbbbbb', 'cccccccc').replace('rate: 5', 'rate: 6'))
  await poll()
  assert.is(states.length, 1)
  assert.is(states[0], rules.state)
  assert.equal(idsIn(rules.state), ['bbbbbbbb', 'cccccccc'])
  assert.equal(
    acts.map(({ what, outcome, details }) => ({ what, outcome, ...details })),
    [
      {
        ...{ what: 'access.load', outcome: 'done', path },
        ...{ added: ['aaaaaaaa', 'bbbbbbbb'], removed: [], changed: [] },
      },
      {
        ...{ what: 'access.load', outcome: 'done', path },
        ...{ added: ['cccccccc'], removed: ['aaaaaaaa'], changed: ['bbbbbbbb'] },
      },
    ],
  )
})

test('a broken or missing file leaves the old rules in force, and is reported once', async () => {
  const { rules, write, disk, poll, lines, acts, states } = await openRules({
    [path]: tokens('aaaaaaaa'),
  })
  write(path, `${tokens('bbbbbbbb')}\nquotas: [1]\n`)
  await poll()
  await poll()
  assert.equal(idsIn(rules.state), ['aaaaaaaa'])
  const errors = lines.filter(({ level }) => level === 'error')
  assert.is(errors.length, 1)
  assert.match(String(errors[0]?.reason), `${path}:3:9: error: quotas must be a map`)
  disk.files.delete(path)
  await poll()
  await poll()
  assert.is(lines.filter(({ level }) => level === 'error').length, 2)
  assert.equal(
    acts.map(({ outcome }) => outcome),
    ['done', 'refused', 'refused'],
  )
  assert.is(states.length, 0)
  write(path, tokens('bbbbbbbb'))
  await poll()
  assert.equal(idsIn(rules.state), ['bbbbbbbb'])
})

test('the file of keys stands beside the access file, and its changes count', async () => {
  const keysPath = '/etc/denizen/keys.json'
  const text = 'jwt: { issuer: a, audience: b, algorithms: [EdDSA], jwks: keys.json }'
  const { rules, write, poll, lines } = await openRules({
    ...{ [path]: text, [keysPath]: '{"keys":[]}' },
  })
  assert.equal(rules.state.keys, { keys: [] })
  write(keysPath, '{"keys":[{"kty":"OKP"}]}')
  await poll()
  assert.equal(rules.state.keys, { keys: [{ kty: 'OKP' }] })
  write(keysPath, '{"keys":')
  await poll()
  assert.is(rules.state.keys?.keys.length, 1)
  assert.match(String(lines.at(-1)?.reason), 'no JSON Web Key Set')
})

test('a node does not start without rules that it can use', async () => {
  for (const files of [{}, { [path]: 'tokens: 1' }, { [path]: '' }]) {
    const failure = await openRules(files).catch((error: unknown) => error)
    assert.instance(failure, StartError)
  }
})

test('closed, it reads no more', async () => {
  const { rules, write, poll, states } = await openRules({ [path]: tokens('aaaaaaaa') })
  rules.close()
  write(path, tokens('bbbbbbbb'))
  await poll()
  assert.is(states.length, 0)
})

test.run()
