import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Grants } from '../../src/access/scope.ts'

const grants = new Grants([
  { dataset: 'profiles', verbs: ['read', 'write'], prefix: 'eu/' },
  { dataset: 'profiles', verbs: ['list'], prefix: 'eu/acme/', hint: true },
  { dataset: '*', verbs: ['watch'] },
])

test('a verb is granted on keys under the prefix, and nowhere else', () => {
  assert.ok(grants.permits('read', 'profiles', 'eu/anna', false))
  assert.not(grants.permits('read', 'profiles', 'us/anna', false))
  assert.not(grants.permits('read', 'profiles', 'europe/anna', false))
  assert.not(grants.permits('read', 'profiles', '', false), 'all keys are more than those')
  assert.not(grants.permits('read', 'tenants', 'eu/anna', false))
  assert.not(grants.permits('list', 'profiles', 'eu/', false), 'no verb implies another')
  assert.ok(grants.permits('list', 'profiles', 'eu/acme/', false))
})

test('scopes of all datasets hold in each, beside its own', () => {
  assert.ok(grants.permits('watch', 'profiles', 'us/', false))
  assert.ok(grants.permits('watch', 'tenants', '', false))
  assert.not(grants.permits('admin', '*', '', false))
})

test('admin of the node is not admin of one dataset', () => {
  const one = new Grants([{ dataset: 'profiles', verbs: ['admin'] }])
  assert.not(one.permits('admin', '*', '', false))
  const all = new Grants([{ dataset: '*', verbs: ['admin'] }])
  assert.ok(all.permits('admin', '*', '', false))
  assert.ok(all.permits('admin', 'profiles', '', false))
})

test('a hint of its own is granted by the very scope that grants the verb', () => {
  assert.ok(grants.permits('list', 'profiles', 'eu/acme/', true))
  assert.not(grants.permits('read', 'profiles', 'eu/acme/x', true))
})

test('what concerns a dataset', () => {
  const one = new Grants([{ dataset: 'profiles', verbs: ['read'], prefix: 'eu/' }])
  assert.ok(one.concern('profiles'))
  assert.not(one.concern('tenants'))
  assert.not(one.concern('constructor'))
})

test.run()
