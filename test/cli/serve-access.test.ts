/** `denizen serve --access`: a real node with two cores, its file, its audit log. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseToken } from '../../src/access/token.ts'
import { addToken, removeToken } from '../../src/cli/access-document.ts'
import { freePorts } from '../../src/cli/dev/ports.ts'
import { exitCodes } from '../../src/cli/exit-codes.ts'
import { tokenWith } from '../access/access-world.ts'
import { denizenScript, runDenizen } from './run-denizen.ts'

const folder = mkdtempSync(join(tmpdir(), 'denizen-serve-access-'))
const access = join(folder, 'access.yaml')
const data = join(folder, 'data')
const config = join(folder, 'denizen.yaml')
writeFileSync(
  config,
  'cluster: x\nregions: [eu-west]\ndatasets:\n  profiles: { residency: anywhere }\n',
)
const [port, peerPort] = await freePorts(2)
const url = `http://127.0.0.1:${port}`
const serveArguments = [
  ...['serve', '--region', 'eu-west', '--data', data, '--config', config, '--access', access],
  ...['--listen', `127.0.0.1:${port}`, '--peer-listen', `127.0.0.1:${peerPort}`, '--threads', '2'],
]
let node: ChildProcess | undefined

test.after(async () => {
  if (node?.exitCode === null) {
    node.kill('SIGKILL')
    await once(node, 'close')
  }
  rmSync(folder, { recursive: true })
})

/** Many connections, so that every core is asked. */
const statuses = (authorization: string | undefined, method = 'GET', key = 'a') =>
  Promise.all(
    Array.from({ length: 16 }, async () => {
      const headers = { connection: 'close', ...(authorization && { authorization }) }
      const body = method === 'PUT' ? 'x' : null
      return (await fetch(`${url}/v1/kv/profiles/${key}`, { method, headers, body })).status
    }),
  )

/** As an editor does it: the node, which looks at the file all the time, never reads half of it. */
function putInPlace(rules: string): void {
  writeFileSync(`${access}.new`, rules)
  renameSync(`${access}.new`, access)
}

const all = (found: readonly number[], status: number): boolean => found.every(it => it === status)

async function until(condition: () => Promise<boolean>): Promise<void> {
  const endMs = Date.now() + 10_000
  while (!(await condition())) assert.ok(Date.now() < endMs, 'it does not come about')
}

test('a node does not start on a file that it can not use', async () => {
  writeFileSync(access, 'tokens: nothing\n')
  const { code, stderr } = await runDenizen(serveArguments)
  assert.is(code, exitCodes.usage)
  assert.match(stderr, `${access}:1:9: error: tokens must be a list`)
  rmSync(access)
})

test('every core asks for credentials, and hears of changes', async () => {
  const scope = { dataset: 'profiles', verbs: ['read' as const, 'write' as const] }
  const one = await tokenWith([scope])
  await addToken(access, one.entry)
  node = spawn(process.execPath, [denizenScript, ...serveArguments], { stdio: 'ignore' })
  await until(async () => (await fetch(`${url}/readyz`).catch(() => undefined))?.ok === true)
  assert.ok(all(await statuses(undefined), 401))
  assert.ok(all(await statuses(undefined, 'PUT'), 401))
  await statuses(one.authorization, 'PUT')
  assert.ok(all(await statuses(one.authorization), 200))
  const two = await tokenWith([{ ...scope, prefix: 'eu/' }])
  await addToken(access, two.entry)
  await until(async () => all(await statuses(two.authorization), 403))
  assert.ok(all(await statuses(two.authorization, 'GET', 'eu/a'), 404))
  await removeToken(access, one.entry.id)
  await until(async () => all(await statuses(one.authorization), 401))
  assert.ok(all(await statuses(two.authorization, 'GET', 'eu/a'), 404), 'nobody else is touched')
})

test('quotas of records and of bytes hold, against what the node counts', async () => {
  const writer = await tokenWith([{ dataset: 'profiles', verbs: ['write'] }])
  await addToken(access, writer.entry)
  const rules = readFileSync(access, 'utf8')
  let keys = 0
  for (const quota of ['records: 3', 'bytes: 20']) {
    putInPlace(rules)
    await until(async () => all(await statuses(writer.authorization, 'PUT', 'k'), 204))
    putInPlace(`${rules}quotas: { profiles: { ${quota} } }\n`)
    await until(async () => {
      const found = await statuses(writer.authorization, 'PUT', `k${keys++}`)
      return all(found, 429)
    })
  }
})

test('what was done stands in the audit log, without secrets', () => {
  const lines = readFileSync(join(data, 'audit.log'), 'utf8').trimEnd().split('\n')
  const acts = lines.map(line => JSON.parse(line))
  assert.ok(acts.length >= 3)
  for (const { who, what, outcome } of acts) {
    assert.equal([who, what, outcome], ['operator', 'access.load', 'done'])
  }
  const changes = acts.flatMap(({ details }) => [...details.added, ...details.removed])
  assert.ok(changes.length >= 3)
  for (const id of changes) assert.ok(parseToken(`dz_${id}_${'A'.repeat(43)}`))
})

test.run()
