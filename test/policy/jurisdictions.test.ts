import { test } from 'uvu'
import * as assert from 'uvu/assert'
import worldCountries from 'world-countries/countries.json' with { type: 'json' }
import {
  adequateCountries,
  exporterDecisions,
  findJurisdiction,
  jurisdictionCountries,
  knownConditions,
  knownExporters,
  knownJurisdictions,
} from '../../src/policy/jurisdictions.ts'

const isoCodes = new Set<string>(worldCountries.map(({ cca2 }) => cca2))

const sorted = (countries: ReadonlySet<string> | undefined): string[] =>
  [...(countries ?? [])].sort()

const rows = () => [
  ...knownJurisdictions().flatMap(name => findJurisdiction(name) ?? []),
  ...knownExporters().flatMap(exporter => exporterDecisions(exporter) ?? []),
]

test('every country in the data is an ISO 3166-1 code', () => {
  for (const name of knownJurisdictions()) {
    const countries = jurisdictionCountries(name) ?? new Set()
    assert.ok(countries.size > 0, name)
    for (const code of countries) assert.ok(isoCodes.has(code), `${name}: ${code}`)
    assert.is(findJurisdiction(name)?.countries.length, countries.size, `${name} has duplicates`)
  }
  for (const exporter of knownExporters()) {
    for (const { country } of exporterDecisions(exporter) ?? []) {
      assert.ok(isoCodes.has(country), `${exporter}: ${country}`)
    }
  }
})

test('every row is dated, sourced, and says that it is no legal advice', () => {
  for (const row of rows()) {
    assert.is(row.notice, 'not legal advice')
    assert.match(row.checkedOn, /^\d{4}-\d{2}-\d{2}$/)
    assert.match(row.expiresOn, /^\d{4}-\d{2}-\d{2}$/)
    assert.ok(row.checkedOn < row.expiresOn)
    assert.is(new URL(row.source).protocol, 'https:')
  }
})

test('names are words that a selector can hold', () => {
  for (const name of [...knownJurisdictions(), ...knownExporters()]) assert.match(name, /^[a-z]+$/)
  for (const exporter of knownExporters()) {
    assert.ok(knownJurisdictions().includes(exporter), exporter)
    for (const condition of knownConditions(exporter)) assert.match(condition, /^[a-z]+$/)
  }
})

test('eu has 27 members, and eea adds Iceland, Liechtenstein and Norway', () => {
  const eu = jurisdictionCountries('eu') ?? new Set()
  assert.is(eu.size, 27)
  assert.equal(sorted(jurisdictionCountries('eea')?.difference(eu)), ['IS', 'LI', 'NO'])
  assert.not(eu.has('GB'))
})

test('single countries are what they are called', () => {
  assert.equal(sorted(jurisdictionCountries('uk')), ['GB'])
  assert.equal(sorted(jurisdictionCountries('us')), ['US'])
  assert.not(jurisdictionCountries('cn')?.has('HK'))
})

test('adequate:eu holds unconditional decisions only', () => {
  assert.equal(sorted(adequateCountries('eu', [])), [
    'AD',
    'AR',
    'BR',
    'CH',
    'FO',
    'GB',
    'GG',
    'IL',
    'IM',
    'JE',
    'JP',
    'KR',
    'NZ',
    'UY',
  ])
})

test('each condition adds its countries and no others', () => {
  assert.equal(knownConditions('eu'), ['commercial', 'dpf'])
  const plain = adequateCountries('eu', []) ?? new Set()
  const added = (conditions: string[]): string[] =>
    sorted(adequateCountries('eu', conditions)?.difference(plain))
  assert.equal(added(['dpf']), ['US'])
  assert.equal(added(['commercial']), ['CA'])
  assert.equal(added(['dpf', 'commercial']), ['CA', 'US'])
  assert.equal(added(['commercial', 'dpf', 'dpf']), ['CA', 'US'])
})

test('an exporter recognises third countries, and each of them once', () => {
  for (const exporter of knownExporters()) {
    const own = jurisdictionCountries(exporter === 'eu' ? 'eea' : exporter) ?? new Set()
    const countries = (exporterDecisions(exporter) ?? []).map(({ country }) => country)
    assert.is(new Set(countries).size, countries.length, exporter)
    for (const country of countries) assert.not(own.has(country), `${exporter}: ${country}`)
  }
})

test('uk and ch recognise the whole EEA, and conditions are never implied', () => {
  assert.equal(knownExporters(), ['ch', 'eu', 'uk'])
  for (const exporter of ['uk', 'ch']) {
    const adequate = adequateCountries(exporter, []) ?? new Set()
    assert.ok(adequate.isSupersetOf(jurisdictionCountries('eea') ?? new Set(['none'])))
    for (const country of ['US', 'CA']) assert.not(adequate.has(country), exporter)
  }
  assert.not(adequateCountries('ch', [])?.has('JP'))
})

test('unknown names are undefined, never an empty set', () => {
  for (const name of ['', 'EU', 'europe', '__proto__', 'constructor']) {
    assert.is(jurisdictionCountries(name), undefined)
    assert.is(adequateCountries(name, []), undefined)
    assert.equal(knownConditions(name), [])
  }
  assert.is(adequateCountries('eu', ['privacyshield']), undefined)
  assert.is(adequateCountries('eu', ['dpf', '']), undefined)
})

test('a decision that ends by itself is checked again before that', () => {
  for (const exporter of knownExporters()) {
    for (const { lapsesOn, expiresOn } of exporterDecisions(exporter) ?? []) {
      if (lapsesOn !== undefined) assert.ok(expiresOn <= lapsesOn)
    }
  }
})

test.run()
