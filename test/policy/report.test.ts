import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { cellText, drift, policyReport } from '../../src/policy/report.ts'
import { compileText, policyWith, regionFile, smallWorld } from './small-world.ts'

const policyOf = (text: string, regionFiles = smallWorld) => {
  const { policy } = compileText(text, undefined, regionFiles)
  if (!policy) throw new Error('the policy has errors')
  return policy
}

test('cells say what a region may do, what outsiders get, and why', () => {
  const report = policyReport(
    policyOf(policyWith('  a: { residency: { store: [eea, uk], home: [eu-west], serve: [eea] } }')),
  )
  const [row] = report.rows
  const cell = (id: string) => row?.cells.find(({ region }) => region === id)
  const west = cell('eu-west')
  assert.is(west && cellText(west), 'home store serve')
  const uk = cell('uk-south')
  assert.ok(uk && cellText(uk).startsWith('store 307 → eu-'))
  const us = cell('us-east')
  assert.equal(us?.outside, { status: 307, to: 'eu-central' })
  assert.is(us?.forbidden.home, 'us-east (US) is not eu-west')
  assert.is(us?.forbidden.serve, 'us-east (US) is not in eea')
})

test('what the loss of regions leaves', () => {
  const survives = (residency: string) =>
    policyReport(policyOf(policyWith(`  a: { residency: ${residency} }`))).rows[0]?.survives
  assert.equal(survives('{ store: [us] }'), [
    'no loss of a region: us-east has the only copy',
    'no writes while us-east is away',
  ])
  assert.equal(survives('{ store: [eea] }'), [
    'the loss of one region of 2: a copy is left, but not of writes that were still on their way to it',
    'no writes to groups whose home is away; reads of copies go on',
  ])
  assert.equal(survives('{ store: [eea, uk], home: [uk] }'), [
    'the loss of any 2 regions of 3: a copy is left, but not of writes that were still on their way to it',
    'no writes while uk-south is away; reads of copies go on',
  ])
  const acked = policyOf(policyWith('  a: { residency: { store: [eea, uk] }, acks: quorum }'))
  assert.equal(policyReport(acked).rows[0]?.survives.slice(1, 3), [
    'the loss of one region of 3 with all acknowledged writes left',
    'writes are acknowledged only while 2 of 3 regions, the home among them, are in touch',
  ])
})

test('equal policies do not drift, whatever their order and spelling', () => {
  const a = policyOf(
    policyWith('  a: { residency: { store: [eea, us] } }\n  b: { residency: anywhere }'),
  )
  const b = policyOf(
    policyWith(
      '  b: { residency: anywhere }\n  a: { residency: { store: [us-east, country:DE, country:IE] } }',
    ),
  )
  assert.equal(drift(a, b), [])
})

test('drift of datasets, in words', () => {
  const inForce = policyOf(
    policyWith(`  a: { residency: { store: [eea], law: [gdpr] } }
  gone: { residency: anywhere }`),
  )
  const desired = policyOf(
    policyWith(`  a:
    residency: { store: [eu-west, us-east], home: [eu-west] }
    homing: { pinned: eu-west }
    outside: refuse
    groupBy: { segments: 1 }
  new: { residency: anywhere }`),
  )
  assert.equal(drift(inForce, desired), [
    'dataset new is new',
    'dataset gone is not in the file any more, which erases nothing',
    'eu-central may no longer home a',
    'us-east may store a',
    'eu-central may no longer store a',
    'us-east may serve a',
    'eu-central may no longer serve a',
    'homing of a changes from hint to pinned to eu-west',
    'what outsiders of a get changes from redirect to refuse',
    'the law claimed for a changes from gdpr to nothing',
    'the segments of a group of a changes from the whole key to 1',
  ])
})

test('drift of the cluster and its regions', () => {
  const text = policyWith('  a: { residency: { store: [eu-west] } }')
  const moved = smallWorld.filter(
    ({ file }) => !file.includes('cn-east') && !file.includes('us-east'),
  )
  const files = [
    ...moved,
    regionFile('us-east', { country: 'US', provider: 'aws', operatorCountry: 'FR' }),
    regionFile('eu-north', { country: 'SE' }),
  ]
  const desired = policyOf(
    text.replace('cluster: x', 'cluster: other').replace('eu-west', 'uk-south'),
    files,
  )
  assert.equal(drift(policyOf(text), desired), [
    'the name of the cluster changes from x to other',
    'the keeper changes from eu-west to uk-south',
    'region eu-north is new',
    'region cn-east is gone',
    'the country that controls the operator of region us-east changes from US to FR',
  ])
})

test('drift from anywhere to the same regions by name', () => {
  const anywhere = policyOf(policyWith('  a: { residency: anywhere }'))
  const bounded = policyOf(policyWith('  a: { residency: { store: [{ except: [country:FR] }] } }'))
  assert.equal(drift(anywhere, bounded), ['residency of a changes from anywhere to bounded'])
})

test.run()
