import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { compileText, expectAt, policyWith } from './small-world.ts'

const datasets = `  people: { residency: { store: [eea], serve: [eea, us] } }
  tenants:
    partitions:
      "eu/": { residency: { store: [eea] } }
      "us/": { residency: { store: [us] } }`

const asserting = (...lines: string[]): string =>
  policyWith(datasets, `assert:\n${lines.map(line => `  - ${line}\n`).join('')}`)

test('assertions that hold say nothing', () => {
  const { policy, diagnostics } = compileText(
    asserting(
      '"tenants eu/ never country:US"',
      '"tenants us/ only us"',
      '"people only stored eea"',
      '"people never homed us cn"',
      '"people only eea us"',
      '"tenants only eea us"',
      '"* never cn ru country:FR"',
    ),
  )
  assert.ok(policy)
  assert.not(diagnostics.some(({ code }) => code.includes('assertion')))
})

test('assertions that do not hold name what breaks them', () => {
  const violated = (line: string, message: string): void =>
    expectAt(asserting('"people never cn"', line), 'assertion_violated', { message })
  violated(
    '§"tenants us/ never country:US"',
    '"tenants us/ never country:US" does not hold: tenants/us/ is stored and served in us-east (US)',
  )
  violated('§people never us', 'people is served in us-east (US)')
  violated('§people only eea', 'people is served in us-east (US)')
  violated('§people only homed country:DE', 'people is homed in eu-west (IE)')
  violated('§tenants only eea', 'tenants/us/ is stored and served in us-east (US)')
  violated(
    '§"* never stored eea"',
    'tenants/eu/ is stored in eu-central (DE), stored in eu-west (IE)',
  )
})

test('mistakes in an assertion are marked at the word', () => {
  expectAt(asserting('"§peple never us"'), 'bad_assertion', {
    suggestion: 'did you mean "people"?',
  })
  expectAt(asserting('"tenants §au/ never us"'), 'bad_assertion', {
    message: 'tenants has no partition "au/"',
  })
  expectAt(asserting('people §eu/ never us'), 'bad_assertion')
  expectAt(asserting('"people §nevr us"'), 'bad_assertion')
  expectAt(asserting("'people never cn §contry:US'"), 'bad_assertion', {
    suggestion: 'did you mean "country:"?',
  })
  expectAt(asserting('§"people never"'), 'bad_assertion')
  expectAt(asserting('§people'), 'bad_assertion')
  expectAt(asserting('§""'), 'bad_assertion')
})

test.run()
