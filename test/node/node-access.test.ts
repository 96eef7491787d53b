/** From the access file to the answers of two cores, with only disk and time replaced. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Access, Usage } from '../../src/access/access.ts'
import type { Scope } from '../../src/access/scope.ts'
import { utf8 } from '../../src/model/bytes.ts'
import { CoreAccess } from '../../src/node/core-access.ts'
import { type AccessMessage, NodeAccess } from '../../src/node/node-access.ts'
import { auditLog } from '../../src/runtime/audit-log.ts'
import { type KnownToken, tokenWith } from '../access/access-world.ts'
import { recordingLogger } from '../api/world.ts'
import { manualClock } from '../support/manual-clock.ts'
import { memoryDisk } from '../support/memory-disk.ts'

const path = '/access.yaml'
const scope: Scope = { dataset: 'profiles', verbs: ['read'] }

const dataDirectory = mkdtempSync(join(tmpdir(), 'denizen-access-'))
test.after(() => rmSync(dataDirectory, { recursive: true }))

/** A node of two cores; messages to them are copied, as between threads. */
async function openNode(text: string) {
  const disk = memoryDisk()
  const write = (content: string): void => {
    disk.files.set(path, utf8(content))
  }
  write(text)
  const clock = manualClock()
  const { log, lines } = recordingLogger()
  const held = new Map<string, Usage>()
  const cores = [new CoreAccess(clock), new CoreAccess(clock)]
  const audit = auditLog(join(dataDirectory, 'audit.log'), clock)
  const node = await NodeAccess.open({
    ...{ path, disk, clock, log },
    audit,
    tell: message => {
      for (const core of cores) core.receive(structuredClone<AccessMessage>(message))
    },
    usageOf: async dataset => held.get(dataset),
  })
  const accesses = cores.map(core => core.begin(structuredClone(node.state)))
  /** A second passes, and all that it makes due ends. */
  const second = async (): Promise<void> => {
    clock.advance(1_000)
    for (let turn = 0; turn < 5; turn++) await new Promise<void>(resolve => setImmediate(resolve))
  }
  return { node, audit, accesses, write, second, held, lines }
}

const fileOf = (tokens: readonly KnownToken[], quotas = {}): string =>
  JSON.stringify({ tokens: tokens.map(({ entry }) => entry), quotas })

const isKnown = async (access: Access, { authorization }: KnownToken): Promise<boolean> => {
  try {
    await access.authenticate(authorization)
    return true
  } catch {
    return false
  }
}

test('a revoked token is refused by every core within a second; the audit log says so', async () => {
  const [one, other] = [await tokenWith([scope]), await tokenWith([scope])]
  const { node, audit, accesses, write, second } = await openNode(fileOf([one, other]))
  for (const access of accesses) assert.ok(await isKnown(access, one))
  write(fileOf([other]))
  await second()
  for (const access of accesses) {
    assert.not(await isKnown(access, one))
    assert.ok(await isKnown(access, other))
  }
  await audit.record({ who: 'operator', what: 'test', outcome: 'done' })
  const [, reload] = readFileSync(join(dataDirectory, 'audit.log'), 'utf8').split('\n')
  assert.equal(JSON.parse(reload ?? '').details.removed, [one.entry.id])
  node.close()
})

test('cores share the rate of a token', async () => {
  const one = await tokenWith([scope], { rate: 3 })
  const { node, accesses } = await openNode(fileOf([one]))
  const [here, there] = await Promise.all(
    accesses.map(access => access.authenticate(one.authorization)),
  )
  assert.equal([here?.take(), there?.take(), here?.take()], [0, 0, 0])
  assert.ok((there?.take() ?? 0) > 0)
  assert.ok((here?.take() ?? 0) > 0)
  node.close()
})

test('cores hear what datasets with quotas hold', async () => {
  const one = await tokenWith([scope])
  const { node, accesses, second, held } = await openNode(
    fileOf([one], { profiles: { records: 2 } }),
  )
  const callers = await Promise.all(accesses.map(access => access.authenticate(one.authorization)))
  held.set('profiles', { records: 1, bytes: 1 })
  await second()
  for (const caller of callers) assert.is(caller.exhausted('profiles'), undefined)
  held.set('profiles', { records: 2, bytes: 1 })
  await second()
  for (const caller of callers) assert.is(caller.exhausted('profiles'), 'records')
  node.close()
})

test('without an access file anybody may do anything', async () => {
  const access = new CoreAccess(manualClock()).begin(undefined)
  const caller = await access.authenticate(undefined)
  assert.ok(caller.permits('admin', '*', '', true))
})

test.run()
