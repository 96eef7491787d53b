import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { DenizenError } from '../../src/model/errors.ts'
import { createLogger, describeError } from '../../src/runtime/log.ts'

test('lines are JSON, with level, time, message and fields', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'denizen-log-'))
  const file = join(folder, 'node.log')
  const log = createLogger({ file, base: { region: 'eu-west' } })
  log.debug('not at this level')
  log.warn('A peer is not connected', { peer: 'us-east', attempt: 2 })
  const lines = (await readFile(file, 'utf8')).trim().split('\n')
  assert.is(lines.length, 1)
  const { time, ...line } = JSON.parse(lines[0] ?? '')
  assert.match(time, /^\d{4}-\d\d-\d\dT/)
  assert.equal(line, {
    level: 'warn',
    region: 'eu-west',
    peer: 'us-east',
    attempt: 2,
    msg: 'A peer is not connected',
  })
  await rm(folder, { recursive: true })
})

test('an error is described without its text, unless the text is ours', () => {
  const foreign = describeError(new SyntaxError('Unexpected token in "secret\n at secret"'))
  assert.is(foreign.errorName, 'SyntaxError')
  assert.is(foreign.errorMessage, undefined)
  const own = describeError(new DenizenError('bad_key', 'a segment is empty'))
  assert.is(own.errorCode, 'bad_key')
  assert.is(own.errorMessage, 'a segment is empty')
  assert.not.match(JSON.stringify(foreign), 'secret')
  assert.equal(describeError('thrown text'), { errorName: 'string' })
})

test.run()
