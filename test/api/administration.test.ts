/** The routes of operators' acts: what they are asked, whom they are open to, how they end. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Verb } from '../../src/access/scope.ts'
import type { Administration, BackupRequest } from '../../src/api/administration.ts'
import { createApi } from '../../src/api/app.ts'
import type { AdministrativeAct } from '../../src/model/administrative-act.ts'
import { DenizenError } from '../../src/model/errors.ts'
import type { Census, PolicyInForce } from '../../src/model/home-census.ts'
import type { Receipt } from '../../src/receipts/receipt.ts'
import { accessWith, tokenWith } from '../access/access-world.ts'
import { dataset, policy } from '../support/policies.ts'
import { createService, jsonOf, problemOf, recordingLogger } from './world.ts'

const inForce: PolicyInForce = {
  ...{ clusterId: 'c1', region: 'eu-west', policyEpoch: 3, inForceSinceMs: 1_000 },
  policy: policy(['eu-west'], [dataset('cities', ['eu-west'])]),
}
const counted: Census = { number: 1, running: false, datasets: [] }

async function operated(
  administration: Partial<Administration>,
  verbs: Verb[] = ['admin', 'backup'],
) {
  const token = await tokenWith([{ dataset: '*', verbs }])
  const { access, clock } = accessWith({ tokens: [token.entry] })
  const asked: BackupRequest[] = []
  const acts: AdministrativeAct[] = []
  const api = createApi({
    ...{ service: createService(), access, clock, log: recordingLogger().log, version: '0.1.0' },
    rawTarget: (_: Request, env: unknown): string => String(Object(env).target),
    administration: {
      async backUp(request) {
        asked.push(request)
        return new Blob(['all ', 'of it']).stream()
      },
      finalizeFormat: async () => 2,
      rehome: async ({ group, to }) => ({ group, from: 'eu-west', home: to, term: 7 }),
      scrub: () => Promise.reject(new Error('nobody asked for a scrub')),
      policyInForce: () => inForce,
      beginCensus: () => Promise.reject(new Error('nobody asked for a census')),
      census: async () => counted,
      applyPolicy: async () => ({ policyEpoch: 1 }),
      policyChange: async () => ({ policyEpoch: 1 }),
      policyReceipt: () => Promise.reject(new Error('nobody asked for a receipt')),
      erase: () => Promise.reject(new Error('nobody asked for an erasure')),
      erasureReceipt: () => Promise.reject(new Error('nobody asked for a receipt')),
      hold: () => Promise.reject(new Error('nobody asked for a hold')),
      moveReceipt: () => Promise.reject(new Error('nobody asked for a receipt')),
      receiptKeys: () => ({ cluster: 'acme', clusterId: 'c1', keys: [] }),
      rotateReceiptKey: () => Promise.reject(new Error('nobody asked for a new key')),
      async record(act) {
        acts.push(act)
      },
      ...administration,
    },
  })
  const { authorization } = token
  const send = async (target: string, init: RequestInit): Promise<Response> =>
    api.fetch(new Request('http://node.test/', init), { target })
  const post = (target: string, body?: string): Promise<Response> => {
    const headers = { authorization, 'content-type': 'application/json' }
    return send(target, { method: 'POST', headers, ...(body !== undefined && { body }) })
  }
  const get = (target: string): Promise<Response> => send(target, { headers: { authorization } })
  return { asked, acts, post, get, who: `token ${token.entry.id}` }
}

test('a backup is streamed, of all datasets or of those that are named', async () => {
  const { asked, post } = await operated({})
  const reply = await post('/v1/admin/backup?place=eu-west')
  assert.is(reply.status, 200)
  assert.is(reply.headers.get('content-type'), 'application/octet-stream')
  assert.is(await reply.text(), 'all of it')
  await post('/v1/admin/backup?place=eu-west&datasets=cities,tenants%2Feu%2F')
  assert.equal(asked, [
    { place: 'eu-west', datasets: [] },
    { place: 'eu-west', datasets: ['cities', 'tenants/eu/'] },
  ])
  for (const query of ['', '?place=', '?place=eu-west&of=cities']) {
    assert.is(await problemOf(await post(`/v1/admin/backup${query}`)), '400 bad_request')
  }
})

test('the format in force is told, and a refusal says who stands in the way', async () => {
  const { post } = await operated({})
  const reply = await post('/v1/admin/upgrade/finalize')
  assert.equal([reply.status, await jsonOf(reply)], [200, { dataFormat: 2 }])
  const refused = await operated({
    finalizeFormat: async () => {
      throw new DenizenError('upgrade_refused', 'eu-west runs denizen 0.1.0')
    },
  })
  const refusal = await refused.post('/v1/admin/upgrade/finalize')
  assert.is(refusal.status, 409)
  assert.is((await jsonOf(refusal)).detail, 'eu-west runs denizen 0.1.0')
})

const receipt: Receipt = {
  ...{ format: 1, cluster: 'acme', clusterId: 'c1', issuedAtMs: 7, keyId: 'k', signature: 's' },
  what: { kind: 'erase', dataset: 'cities', group: 'hash' },
  ...{ regions: [], open: [{ region: 'us-east', reason: 'silent' }], cannotProve: ['much'] },
}

test('a group is erased, its receipt comes back, and the log names no group', async () => {
  const asked: unknown[] = []
  const { acts, post, get, who } = await operated({
    async erase(request) {
      asked.push(request)
      return receipt
    },
    async erasureReceipt(request) {
      asked.push(request)
      return receipt
    },
  })
  const reply = await post('/v1/admin/erase/cities/a%2Fb')
  assert.equal([reply.status, await jsonOf(reply)], [200, receipt])
  const again = await get('/v1/admin/erasures?dataset=cities&group=hash')
  assert.equal([again.status, await jsonOf(again)], [200, receipt])
  assert.equal(asked, [
    { dataset: 'cities', group: 'a/b' },
    { dataset: 'cities', hash: 'hash' },
  ])
  assert.equal(acts, [{ who, what: 'erase', outcome: 'done', details: { dataset: 'cities' } }])
  const reader = await operated({}, ['read', 'write', 'list'])
  assert.is(await problemOf(await reader.post('/v1/admin/erase/cities/a')), '403 forbidden')
})

test('only a group in a certain state is erased, and said to go on elsewhere', async () => {
  const asked: unknown[] = []
  const { acts, post, who } = await operated({
    async erase(request) {
      asked.push(request)
      return receipt
    },
  })
  assert.is((await post('/v1/admin/erase/cities/a?state=1-2&movedTo=us%2F')).status, 200)
  assert.equal(asked, [{ dataset: 'cities', group: 'a', state: '1-2', movedTo: 'us/' }])
  const details = { dataset: 'cities', movedTo: 'us/' }
  assert.equal(acts, [{ who, what: 'erase', outcome: 'done', details }])
})

test('a group is held, for a bounded time, and the log names neither it nor its copy', async () => {
  const asked: unknown[] = []
  const held = { group: 'hash', records: 2, bytes: 9, state: '2-0', erasedTerm: 4 }
  const { acts, post, who } = await operated({
    async hold(request) {
      asked.push(request)
      return held
    },
    async moveReceipt(request) {
      asked.push(request)
      return receipt
    },
  })
  const reply = await post('/v1/admin/hold/cities/a%2Fb?for=5s')
  assert.equal([reply.status, await jsonOf(reply)], [200, held])
  assert.is((await post('/v1/admin/hold/cities/a')).status, 200)
  for (const wrong of ['2m', '-1s', 'soon']) {
    assert.is(
      await problemOf(await post(`/v1/admin/hold/cities/a?for=${wrong}`)),
      '400 bad_request',
    )
  }
  const copied = { to: 'us/', group: 'other', records: 2, bytes: 9, digest: 'a'.repeat(64) }
  assert.is((await post('/v1/admin/moved/cities/a', JSON.stringify(copied))).status, 200)
  const worse = JSON.stringify({ ...copied, digest: 'none' })
  assert.is(await problemOf(await post('/v1/admin/moved/cities/a', worse)), '400 bad_request')
  assert.equal(asked, [
    { dataset: 'cities', group: 'a/b', forMs: 5_000 },
    { dataset: 'cities', group: 'a', forMs: 0 },
    { dataset: 'cities', group: 'a', copied },
  ])
  assert.equal(acts, [
    { who, what: 'hold', outcome: 'done', details: { dataset: 'cities', forMs: 5_000 } },
    {
      ...{ who, what: 'move.receipt', outcome: 'done' },
      details: { dataset: 'cities', movedTo: 'us/' },
    },
  ])
  const reader = await operated({}, ['read', 'write', 'list'])
  assert.is(await problemOf(await reader.post('/v1/admin/hold/cities/a')), '403 forbidden')
})

test('a group is moved where it is asked to go, and the log names no key', async () => {
  const asked: unknown[] = []
  const { acts, post, who } = await operated({
    async rehome(request) {
      asked.push(request)
      return { group: 'a/b', from: 'eu-west', home: request.to, term: 7 }
    },
  })
  const reply = await post('/v1/admin/rehome/cities/a%2Fb/c?to=us-east')
  assert.equal(
    [reply.status, await jsonOf(reply)],
    [200, { group: 'a/b', from: 'eu-west', home: 'us-east', term: 7 }],
  )
  assert.equal(asked, [{ dataset: 'cities', group: 'a/b/c', to: 'us-east' }])
  assert.equal(acts, [
    { who, what: 'rehome', outcome: 'done', details: { dataset: 'cities', to: 'us-east' } },
  ])
  assert.is(await problemOf(await post('/v1/admin/rehome/cities/k')), '400 bad_request')
  assert.is(
    await problemOf(await post('/v1/admin/rehome/nothing/k?to=us-east')),
    '404 unknown_dataset',
  )
})

test('what was done, by whom, and what came of it is in the audit log first', async () => {
  const { acts, post, who } = await operated({
    finalizeFormat: async () => {
      throw new DenizenError('upgrade_refused', 'eu-west runs denizen 0.1.0')
    },
  })
  await post('/v1/admin/backup?place=eu-west&datasets=cities')
  await post('/v1/admin/upgrade/finalize')
  await post('/v1/admin/scrub')
  assert.equal(acts, [
    {
      ...{ who, what: 'backup', outcome: 'done' },
      details: { place: 'eu-west', datasets: ['cities'] },
    },
    { who, what: 'upgrade.finalize', outcome: 'refused', details: { code: 'upgrade_refused' } },
    { who, what: 'scrub', outcome: 'failed', details: { code: 'internal' } },
  ])
})

test('who may scrape its metrics takes no backup of a node', async () => {
  const { asked, post } = await operated({}, ['admin'])
  assert.is(await problemOf(await post('/v1/admin/backup?place=eu-west')), '403 forbidden')
  assert.equal(asked, [])
})

test('the policy in force is told whole, and homes are counted under another one', async () => {
  const bodies: unknown[] = []
  const { acts, post, get, who } = await operated({
    async beginCensus(desired) {
      bodies.push(desired)
      return { ...counted, running: true }
    },
  })
  assert.equal(await jsonOf(await get('/v1/admin/policy')), inForce)
  const begun = await post('/v1/admin/policy/census', '{"cluster":"x"}')
  assert.equal(await jsonOf(begun), { ...counted, running: true })
  assert.equal(await jsonOf(await get('/v1/admin/policy/census')), counted)
  assert.equal(bodies, [{ cluster: 'x' }])
  assert.is(await problemOf(await post('/v1/admin/policy/census', '{')), '400 bad_body')
  assert.equal(acts, [{ who, what: 'policy.census', outcome: 'done', details: {} }])
})

test('only who may administer the node gets there', async () => {
  const { asked, post, get } = await operated({}, ['read'])
  const rehome = 'rehome/cities/k?to=us-east'
  for (const path of ['backup?place=eu-west', 'upgrade/finalize', 'policy/census', rehome]) {
    assert.is(await problemOf(await post(`/v1/admin/${path}`)), '403 forbidden')
  }
  for (const path of ['policy', 'policy/census']) {
    assert.is(await problemOf(await get(`/v1/admin/${path}`)), '403 forbidden')
  }
  assert.equal(asked, [])
})

test.run()
