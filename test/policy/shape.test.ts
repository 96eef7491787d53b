/** Fields, types and values of denizen.yaml: each error at its place, with what exists instead. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { compileText, expectAt, policyWith } from './small-world.ts'

test('unknown fields', () => {
  expectAt('cluster: x\n§regons: [eu-west]\nregions: [eu-west]\ndatasets: {}\n', 'unknown_field', {
    suggestion: 'did you mean "regions"?',
  })
  expectAt(policyWith('  a:\n    residency: anywhere\n    §homming: hash'), 'unknown_field', {
    suggestion: 'did you mean "homing"?',
  })
  expectAt(policyWith('  a: { residency: { store: [eea], §serv: [eea] } }'), 'unknown_field', {
    suggestion: 'did you mean "serve"?',
  })
  expectAt(policyWith('  a: { residency: { store: { §exept: [eea] } } }'), 'unknown_field', {
    suggestion: 'did you mean "except"?',
  })
  expectAt(policyWith('  a: { residency: { store: [{ §country: DE }] } }'), 'unknown_field', {
    suggestion: 'write "country:…" without a space behind the colon',
  })
})

test('groupBy belongs to the dataset', () => {
  const text = policyWith(
    '  a:\n    residency: anywhere\n    partitions:\n      "x/": { §groupBy: { segments: 1 } }',
  )
  const suggestion = 'groupBy belongs to the dataset, not to a partition of it'
  expectAt(text, 'unknown_field', { suggestion })
})

test('missing fields', () => {
  expectAt('§cluster: x\nregions: [eu-west]\n', 'missing_field', { message: 'datasets' })
  expectAt(policyWith('  a: { §residency: { serve: [eea] } }'), 'missing_field', {
    message: 'store is required',
  })
  expectAt(policyWith('  §a: { outside: refuse }'), 'missing_field', { message: 'no residency' })
})

test('wrong types', () => {
  expectAt(policyWith('  a: { residency: anywhere, groupBy: §1 }'), 'wrong_type', {
    message: 'groupBy must be a map of fields, not 1',
  })
  expectAt(policyWith('  a: { residency: { store: §} }'), 'wrong_type', { message: 'no value' })
  expectAt(policyWith('  a: { residency: anywhere }', 'assert: §never'), 'wrong_type')
  expectAt('§- cluster\n', 'wrong_type', { message: 'map' })
})

test('wrong values', () => {
  expectAt(policyWith('  a: { residency: §anywere }'), 'bad_value', {
    suggestion: 'did you mean "anywhere"?',
  })
  expectAt(policyWith('  a: { residency: anywhere, outside: §redirekt }'), 'bad_value', {
    suggestion: 'did you mean "redirect"?',
  })
  expectAt(policyWith('  a: { residency: { store: [eea], law: [§gpdr] } }'), 'bad_value')
  expectAt(policyWith('  a: { residency: { store: §[] } }'), 'bad_value')
  expectAt(policyWith('  a: { residency: anywhere, homing: §hasch }'), 'bad_value', {
    suggestion: 'did you mean "hash"?',
  })
  expectAt(policyWith('  a: { residency: anywhere, acks: §0 }'), 'bad_value')
  expectAt(policyWith('  a: { residency: anywhere, acks: §most }'), 'bad_value')
  expectAt(policyWith('  a: { residency: anywhere, ttl: §3 days }'), 'bad_value')
  expectAt(policyWith('  a: { residency: anywhere, ttl: §0s }'), 'bad_value')
  expectAt(policyWith('  a: { residency: anywhere, ttl: §40000d }'), 'bad_value')
  expectAt(policyWith('  a: { residency: anywhere, failover: §automatic }'), 'bad_value')
})

test('dataset names are DNS labels, and r is reserved', () => {
  expectAt(policyWith('  §r: { residency: anywhere }'), 'bad_name')
  expectAt(policyWith('  §Users: { residency: anywhere }'), 'bad_name')
  expectAt(policyWith('  §a_b: { residency: anywhere }'), 'bad_name')
  expectAt(policyWith('  §__proto__: { residency: anywhere }'), 'bad_name')
})

test('several errors are reported together, in the order of the file', () => {
  const { policy, diagnostics } = compileText(
    policyWith(
      '  b: { residency: anywere }\n  a: { residency: anywhere, acks: 0, outsid: refuse }',
    ),
  )
  assert.is(policy, undefined)
  const places = diagnostics.map(({ line, column }) => `${line}:${column}`)
  assert.equal(places, ['5:19', '6:35', '6:38'])
})

test.run()
