import { mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { auditLog } from '../../src/runtime/audit-log.ts'
import { manualClock } from '../support/manual-clock.ts'

const folder = mkdtempSync(join(tmpdir(), 'denizen-audit-'))
test.after(() => rmSync(folder, { recursive: true }))

const linesOf = (path: string): unknown[] =>
  readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line))

test('acts stand in order, one line each, in a file of the owner', async () => {
  const path = join(folder, 'audit.log')
  const clock = manualClock()
  const audit = auditLog(path, clock)
  const acts = ['a', 'b', 'c']
  const act = { who: 'operator', outcome: 'done' } as const
  // Long enough that the next one would overtake it.
  const long = { reason: 'x'.repeat(8_000_000) }
  const first = audit.record({ ...act, what: 'a', details: long })
  await Promise.all([first, ...['b', 'c'].map(what => audit.record({ ...act, what }))])
  clock.advance(1_000)
  const details = { reason: 'two\nlines', ids: ['x'] }
  await audit.record({ who: 'token x', what: 'last', outcome: 'refused', details })
  const lines = linesOf(path)
  assert.equal(
    lines.map(line => Object(line).what),
    [...acts, 'last'],
  )
  const at = '1970-01-01T00:00:01.000Z'
  assert.equal(lines.at(-1), { at, who: 'token x', what: 'last', outcome: 'refused', details })
  assert.is(statSync(path).mode & 0o777, 0o600)
})

test('a file that was moved away is begun anew, and a failure spoils nothing that follows', async () => {
  const path = join(folder, 'moved.log')
  const audit = auditLog(path, manualClock())
  const act = { who: 'operator', what: 'a', outcome: 'done' } as const
  await audit.record(act)
  renameSync(path, `${path}.1`)
  await audit.record(act)
  assert.is(linesOf(path).length, 1)
  const nowhere = auditLog(join(folder, 'none', 'audit.log'), manualClock())
  const failure = await nowhere.record(act).catch((error: unknown) => error)
  assert.instance(failure, Error)
})

test.run()
