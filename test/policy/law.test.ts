/** Rule packs: each rule once kept and once broken, and the dates of all data of law. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { compilePolicy } from '../../src/policy/compile.ts'
import { adequacyDecisions } from '../../src/policy/data/adequacy.ts'
import { dateFinding, daysBetween } from '../../src/policy/expiry.ts'
import { rulePackIds, rulePacks } from '../../src/policy/rule-packs.ts'
import { compileText, expectAt, policyWith, smallWorld } from './small-world.ts'

const claim = (law: string, rest: string): string =>
  policyWith(`  a: { residency: { law: [${law}], ${rest} } }`)

const codes = (text: string, today?: string): string[] =>
  compileText(text, today).diagnostics.map(({ code }) => code)

test('every pack is complete, dated data', () => {
  assert.equal([...rulePackIds].sort(), Object.keys(rulePacks).sort())
  for (const pack of Object.values(rulePacks)) {
    assert.is(pack.notice, 'not legal advice')
    assert.match(pack.source, /^https:\/\//)
    assert.is(pack.checkedOn, '2026-11-22')
    assert.ok(daysBetween(pack.checkedOn, pack.expiresOn) > 90)
    assert.ok(pack.rules.length > 0 && pack.law !== '' && pack.article !== '')
  }
})

test('gdpr: who stores or serves is in the EEA or adequate', () => {
  assert.equal(codes(claim('gdpr', 'store: [eu-central, uk-south]')), [])
  expectAt(claim('§gdpr', 'store: [eu-central, ru-center]'), 'law_violated', {
    message:
      'ru-center (RU) stores and serves a: it is neither in the EEA nor adequate (Art. 45) (gdpr: Ch. V, Art. 44-46)',
  })
  expectAt(claim('§gdpr', 'store: [eea], serve: [eea, cn]'), 'law_violated', {
    message: 'cn-east (CN) serves (access from there) a',
  })
})

test('gdpr: conditional decisions warn, and name the condition', () => {
  expectAt(claim('§gdpr', 'store: [eu-central, us-east]'), 'law_conditional', {
    severity: 'warning',
    message: 'us-east (US) stores and serves a: permitted only if the recipient is certified',
  })
  expectAt(claim('§gdpr', 'store: [eu-central, ca-east]'), 'law_conditional', {
    severity: 'warning',
    message: 'PIPEDA',
  })
})

test('uk-gdpr', () => {
  assert.equal(codes(claim('uk-gdpr', 'store: [uk-south, eu-central]')), [])
  expectAt(claim('§uk-gdpr', 'store: [uk-south, cn-east]'), 'law_violated')
  expectAt(claim('§uk-gdpr', 'store: [uk-south, us-east]'), 'law_conditional', {
    severity: 'warning',
    message: 'UK Extension',
  })
})

test('ru-localisation: homes in Russia, copies elsewhere are transfers', () => {
  assert.equal(codes(claim('ru-localisation', 'store: [ru]')), ['single_copy'])
  expectAt(claim('§ru-localisation', 'store: [ru-center, eu-central]'), 'law_violated', {
    message: 'eu-central (DE) homes a',
  })
  const copies = claim('§ru-localisation', 'store: [ru-center, eu-central], home: [ru]')
  expectAt(copies, 'law_transfer', { severity: 'warning', message: 'Art. 12' })
  assert.not(codes(copies.replace('§', '')).includes('law_violated'))
})

test('cn-pipl: homes in China, access from elsewhere is a provision abroad', () => {
  assert.equal(codes(claim('cn-pipl', 'store: [cn]')), ['single_copy'])
  expectAt(claim('§cn-pipl', 'store: [eu-central]'), 'law_violated', { message: 'Art. 40' })
  const access = claim('§cn-pipl', 'store: [cn], serve: [cn, eu-central]')
  expectAt(access, 'law_transfer', { severity: 'warning', message: 'access to a from eu-central' })
})

test('us-cjis: United States or Canada', () => {
  assert.equal(codes(claim('us-cjis', 'store: [us, ca]')), [])
  expectAt(claim('§us-cjis', 'store: [us, eu-central]'), 'law_violated')
})

test('jp-appi: Japan, or recognised as equivalent', () => {
  const quiet = codes(claim('jp-appi', 'store: [eu-central, uk-south]'))
  assert.equal(quiet, [])
  expectAt(claim('§jp-appi', 'store: [jp, us]'), 'law_violated', { message: 'Art. 28' })
})

test('ca-ccpa imposes no location, and says so', () => {
  expectAt(claim('§ca-ccpa', 'store: [cn, ru]'), 'law_note', {
    severity: 'note',
    message: 'imposes no location',
  })
})

test('several claims are checked one by one, at their places', () => {
  expectAt(claim('gdpr, §ru-localisation', 'store: [eu-central]'), 'law_violated')
})

test('an operator controlled from elsewhere is worth a warning', () => {
  expectAt(claim('§gdpr', 'store: [eea]'), 'foreign_operator', {
    severity: 'warning',
    message: 'eu-west (IE) is with an operator controlled from US',
  })
  const without = codes(claim('gdpr', 'store: { all: [eea], except: [operator:US] }'))
  assert.equal(without, ['single_copy'])
})

test('a row warns 90, 30 and 7 days before its end, and blocks after it', () => {
  const row = { name: 'x', source: 'https://example.com', expiresOn: '2027-11-22' }
  const at = (today: string) => dateFinding(row, today)?.code
  assert.is(at('2027-08-23'), undefined)
  assert.is(at('2027-08-24'), 'data_expires_in_90_days')
  assert.is(at('2027-10-22'), 'data_expires_in_90_days')
  assert.is(at('2027-10-23'), 'data_expires_in_30_days')
  assert.is(at('2027-11-14'), 'data_expires_in_30_days')
  assert.is(at('2027-11-15'), 'data_expires_in_7_days')
  assert.is(at('2027-11-22'), 'data_expires_in_7_days')
  assert.is(at('2027-11-23'), 'data_expired')
  assert.throws(() => dateFinding(row, 'today'), /YYYY-MM-DD/)
})

test('past its date a pack blocks the check of what claims it, and of nothing else', () => {
  const text = policyWith('  a: { residency: { store: [eu-central, eu-west], law: [§ca-ccpa] } }')
  expectAt(text, 'data_expired', { today: '2027-11-23', message: 'rule pack ca-ccpa' })
  expectAt(text, 'data_expires_in_7_days', { today: '2027-11-22', severity: 'warning' })
  const unclaimed = compileText(text.replace(', law: [§ca-ccpa]', ''), '2040-01-01')
  assert.ok(unclaimed.policy)
})

test('without a day nothing is checked against a calendar', () => {
  const text = policyWith('  a: { residency: { store: [eea], law: [gdpr] } }')
  const policy = { file: 'denizen.yaml', text }
  assert.ok(compilePolicy({ policy, regionFiles: smallWorld }).policy)
  assert.not(compilePolicy({ policy, regionFiles: smallWorld, today: '2040-01-01' }).policy)
})

test('selectors rest on dated data too, and say so once', () => {
  const text = policyWith(
    '  a: { residency: { store: §[eea] } }\n  b: { residency: { store: [eea] } }',
  )
  expectAt(text, 'data_expired', { today: '2027-11-23', message: 'jurisdiction eea' })
  const times = codes(text.replace('§', ''), '2027-11-23')
  assert.equal(times, ['data_expired'])
  const dpf = policyWith('  a: { residency: { store: §[eu-central, adequate:eu+dpf] } }')
  expectAt(dpf, 'data_expired', { today: '2027-05-23', message: 'adequacy of US for eu (dpf)' })
  assert.ok(adequacyDecisions.some(({ expiresOn }) => expiresOn === '2027-05-22'))
})

test.run()
