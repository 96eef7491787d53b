/** GET /metrics: the node's page, for whoever may administer it. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type ApiOptions, createApi } from '../../src/api/app.ts'
import { accessWith, tokenWith } from '../access/access-world.ts'
import { createService, recordingLogger } from './world.ts'

const page = 'denizen_ready 1\n'

function ask(options: Pick<ApiOptions, 'metricsPage' | 'access'>, headers = {}) {
  const api = createApi({
    ...{ service: createService(), log: recordingLogger().log, version: '0.1.0', ...options },
    clock: accessWith({}).clock,
    rawTarget: () => '/metrics',
  })
  return api.fetch(new Request('http://node.test/', { headers }))
}

test('the page is served as Prometheus expects it', async () => {
  const reply = await ask({ metricsPage: async () => page })
  assert.is(reply.status, 200)
  assert.match(reply.headers.get('Content-Type') ?? '', /^text\/plain; version=0\.0\.4/)
  assert.is(await reply.text(), page)
})

test('where there are rules of access, it is for administrators', async () => {
  const admin = await tokenWith([{ dataset: '*', verbs: ['admin'] }])
  const reader = await tokenWith([{ dataset: '*', verbs: ['read'] }])
  const { access } = accessWith({ tokens: [admin.entry, reader.entry] })
  const options = { access, metricsPage: async () => page }
  assert.is((await ask(options)).status, 401)
  assert.is((await ask(options, { authorization: reader.authorization })).status, 403)
  assert.is((await ask(options, { authorization: admin.authorization })).status, 200)
})

test('a host without metrics has no such route', async () => {
  assert.is((await ask({})).status, 404)
})

test.run()
