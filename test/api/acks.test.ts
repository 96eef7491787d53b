/** Denizen-Acks over HTTP: what reaches the service, and how a write that came too late is told. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Outcome } from '../../src/execution/operation.ts'
import { DenizenError } from '../../src/model/errors.ts'
import type { Key } from '../../src/model/key.ts'
import { createWorld, jsonOf, problemOf, type World } from './world.ts'

const json = (body: string, headers = {}) => ({
  body,
  headers: { 'Content-Type': 'application/json', ...headers },
})

test('the level reaches the service with every kind of mutation; 1 is what is done anyway', async () => {
  const { send, service } = createWorld()
  for (const level of ['2', 'quorum', 'all', '1']) {
    const headers = { 'Denizen-Acks': level }
    await send('PUT', '/v1/kv/profiles/a', { body: 'x', headers })
    await send('DELETE', '/v1/kv/profiles/a', { headers })
    await send('POST', '/v1/kv/profiles', { body: 'x', headers })
    await send('POST', '/v1/tx/profiles/g', json('{"if":[],"then":[],"else":[]}', headers))
    await send('POST', '/v1/batch/profiles', json('{"ops":[{"op":"get","key":"a"}]}', headers))
    const acks = level === '2' ? 2 : level === '1' ? undefined : level
    const asked = service.contexts.splice(0).map(context => context.acks)
    assert.equal(asked, [acks, acks, acks, acks, acks])
  }
})

const receipt = { home: 'us-east', servedBy: 'us-east', role: 'home', stalenessMs: 0 } as const

/** All that is written next comes too late. */
function late({ service }: World): void {
  const error = new DenizenError('acks_timeout', 'too few', {
    extra: { version: '3.7', asked: 2, reached: 1 },
  })
  const outcome: Extract<Outcome, { kind: 'failed' }> = { kind: 'failed', error, receipt }
  const answer = { outcomes: [outcome], session: 's/late' }
  service.execute = async () => answer
  service.create = async () => ({ ...answer, key: 'new/key' as Key })
  service.transact = async () => ({ outcome, session: 's/late' })
}

test('too few in time: 500, applied, with version, home, session and action', async () => {
  const world = createWorld()
  late(world)
  const requests = [
    await world.send('PUT', '/v1/kv/profiles/a', { body: 'x' }),
    await world.send('DELETE', '/v1/kv/profiles/a'),
    await world.send('POST', '/v1/kv/profiles?prefix=new/', { body: 'x' }),
    await world.send('POST', '/v1/tx/profiles/g', json('{"if":[],"then":[],"else":[]}')),
  ]
  for (const reply of requests) {
    assert.is(reply.headers.get('ETag'), '"3.7"')
    assert.is(reply.headers.get('Denizen-Session'), '"s/late"')
    assert.is(reply.headers.get('Denizen-Home'), 'us-east')
    const created = reply.headers.get('Location')
    assert.ok(created === null || created === '/v1/kv/profiles/new/key')
    const { code, applied, retry, asked, reached, action } = await jsonOf(reply)
    assert.equal(
      [reply.status, code, applied, retry, asked, reached],
      [500, 'acks_timeout', 'yes', 'no', 2, 1],
    )
    assert.match(`${action}`, /session token/)
  }
  assert.is(requests[2]?.headers.get('Location'), '/v1/kv/profiles/new/key')
  const batch = '{"ops":[{"op":"put","key":"a","value":1}]}'
  const { results } = await jsonOf(await world.send('POST', '/v1/batch/profiles', json(batch)))
  const [result] = results as { status: number; etag: string; error: { applied: string } }[]
  assert.equal([result?.status, result?.etag, result?.error.applied], [500, '"3.7"', 'yes'])
})

test('what no service refuses is refused here', async () => {
  const { send } = createWorld()
  for (const level of ['', '01', '2.5', '-1', '1000', 'QUORUM', 'two']) {
    const reply = await send('PUT', '/v1/kv/profiles/a', {
      ...{ body: 'x', headers: { 'Denizen-Acks': level } },
    })
    assert.is(await problemOf(reply), '400 bad_request', level)
  }
})

test.run()
