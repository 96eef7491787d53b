import { readdirSync, readFileSync } from 'node:fs'
import { iso1A2Code } from '@rapideditor/country-coder'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import worldCountries from 'world-countries/countries.json' with { type: 'json' }
import { parseDocument } from 'yaml'
import { z } from 'zod'
import { distanceKm } from '../../src/model/distance.ts'
import { type Coordinates, type Region, regionSchema } from '../../src/model/region.ts'
import { jurisdictionCountries, knownJurisdictions } from '../../src/policy/jurisdictions.ts'

const folder = new URL('../../regions/', import.meta.url)
const files = readdirSync(folder).sort()

const fieldOrder = [
  ...['id', 'name', 'country', 'subdivision', 'coordinates', 'provider', 'operator'],
  ...['operatorCountry', 'providerRegion', 'source', 'tags'],
]

const read = (file: string): { text: string; data: unknown } => {
  const text = readFileSync(new URL(file, folder), 'utf8')
  const document = parseDocument(text)
  assert.equal([...document.errors, ...document.warnings], [], file)
  return { text, data: document.toJS() }
}

let parsedRegions: Region[] | undefined

const regions = (): Region[] => {
  parsedRegions ??= files.map(file => regionSchema.parse(read(file).data))
  return parsedRegions
}

/** `territory`: places with an ISO code of their own, such as Hong Kong, are not their parent. */
const territoryAt = ({ longitude, latitude }: Coordinates): string | null =>
  iso1A2Code([longitude, latitude], { level: 'territory' })

const count = (of: (region: Region) => boolean): number => regions().filter(of).length

const valid: Region = {
  id: 'eu-test',
  name: 'Test',
  country: 'IE',
  coordinates: { latitude: 53.3, longitude: -6.3 },
  provider: 'aws',
  operator: 'Operator',
  operatorCountry: 'US',
  providerRegion: 'eu-1',
  source: 'https://example.com/regions',
}

test('every file is clean YAML, fits the schema, and is named after its id', () => {
  for (const file of files) {
    const parsed = regionSchema.safeParse(read(file).data)
    assert.ok(parsed.success, `${file}: ${parsed.error?.message}`)
    assert.is(`${parsed.data?.id}.yaml`, file)
  }
})

test('codes are quoted and fields stand in one order', () => {
  for (const file of files) {
    const { text } = read(file)
    assert.match(text, /^country: "[A-Z]{2}"$/m, file)
    assert.match(text, /^operatorCountry: "[A-Z]{2}"$/m, file)
    const fields = [...text.matchAll(/^(\w+):/gm)].map(match => match[1] ?? '')
    assert.equal(
      fields,
      fieldOrder.filter(field => fields.includes(field)),
      file,
    )
  }
})

test('ids and provider regions are unique, and no id reads as another selector', () => {
  const ids = regions().map(({ id }) => id)
  assert.is(new Set(ids).size, ids.length)
  const theirs = regions().map(({ provider, providerRegion }) => `${provider} ${providerRegion}`)
  assert.is(new Set(theirs).size, theirs.length)
  for (const id of ids) assert.not([...knownJurisdictions(), 'anywhere'].includes(id), id)
})

test('every country is the one in which its coordinates lie', () => {
  for (const { id, country, coordinates } of regions()) {
    assert.is(territoryAt(coordinates), country, id)
  }
})

test('cities that share a country are not swapped', () => {
  const cities: [string, number, number][] = [
    ['in-west-mumbai', 19.07, 72.88],
    ['in-north-delhi', 28.64, 77.22],
    ['in-south-hyderabad', 17.38, 78.48],
    ['ap-northeast', 35.69, 139.69],
    ['ap-northeast-osaka', 34.69, 135.5],
    ['au-east-sydney', -33.87, 151.21],
    ['au-southeast-melbourne', -37.81, 144.96],
    ['us-east', 39.04, -77.49],
    ['us-west-california', 37.34, -121.89],
    ['us-west-oregon', 45.84, -119.7],
    ['ca-east-montreal', 45.5, -73.57],
    ['ca-central-toronto', 43.65, -79.38],
    ['eu-west', 53.35, -6.26],
    ['eu-central', 50.11, 8.68],
  ]
  for (const [id, latitude, longitude] of cities) {
    const region = regions().find(candidate => candidate.id === id)
    assert.ok(region, id)
    assert.ok(distanceKm(region.coordinates, { latitude, longitude }) < 40, id)
  }
})

test('every operator is controlled from a country that exists', () => {
  const isoCodes = new Set<string>(worldCountries.map(({ cca2 }) => cca2))
  const controlledFrom = new Map<string, string>()
  for (const { id, operator, operatorCountry } of regions()) {
    assert.ok(isoCodes.has(operatorCountry), id)
    assert.is(controlledFrom.get(operator) ?? operatorCountry, operatorCountry, id)
    controlledFrom.set(operator, operatorCountry)
  }
})

test('the sample world is where it should be', () => {
  const where = (id: string): (string | undefined)[] => {
    const region = regions().find(candidate => candidate.id === id)
    return [region?.country, region?.subdivision]
  }
  assert.equal(where('eu-west'), ['IE', undefined])
  assert.equal(where('eu-central'), ['DE', undefined])
  assert.equal(where('us-east'), ['US', 'US-VA'])
  assert.equal(where('ap-northeast'), ['JP', undefined])
})

test('the catalogue spans the world', () => {
  const eea = jurisdictionCountries('eea') ?? new Set()
  assert.ok(files.length >= 45, `${files.length} regions`)
  assert.ok(count(({ country }) => eea.has(country)) >= 12, 'EEA')
  for (const country of ['GB', 'CH', 'RU', 'CN', 'IN', 'JP', 'BR', 'CA', 'AU', 'ZA', 'SA', 'KR']) {
    assert.ok(count(region => region.country === country) >= 1, country)
  }
  for (const country of ['SG', 'ID', 'IL', 'AE']) {
    assert.ok(count(region => region.country === country) >= 1, country)
  }
  for (const state of ['US-VA', 'US-CA', 'US-OR', 'CA-QC']) {
    assert.ok(count(({ subdivision }) => subdivision === state) >= 1, state)
  }
  for (const country of ['US', 'CA', 'AU']) {
    assert.is(
      count(region => region.country === country && !region.subdivision),
      0,
      country,
    )
  }
  const continentOf = new Map<string, string>(worldCountries.map(c => [c.cca2, c.subregion]))
  const continents = new Set(regions().map(({ country }) => continentOf.get(country)))
  for (const subregion of ['South America', 'Southern Africa', 'Australia and New Zealand']) {
    assert.ok(continents.has(subregion), subregion)
  }
})

test('excluding the operators of one country leaves a choice', () => {
  for (const country of ['US', 'DE', 'FR', 'CH', 'RU', 'CN', 'JP']) {
    assert.ok(count(({ operatorCountry }) => operatorCountry === country) >= 1, country)
  }
  const eea = jurisdictionCountries('eea') ?? new Set()
  const notUs = ({ country, operatorCountry }: Region): boolean =>
    eea.has(country) && operatorCountry !== 'US'
  assert.ok(count(notUs) >= 5)
})

test('the schema refuses what a region file may not say', () => {
  assert.equal(regionSchema.parse(valid), valid)
  const broken: Record<string, unknown>[] = [
    ...['r', '', 'EU-WEST', '-eu', 'eu-', 'eu_west', 'eu.west', 'x'.repeat(64)].map(id => ({ id })),
    { country: 'ie' },
    { country: 'IRL' },
    { country: false },
    { operatorCountry: 'USA' },
    { subdivision: 'VA' },
    { subdivision: 'US-VA' },
    { coordinates: { latitude: 91, longitude: 0 } },
    { coordinates: { latitude: 0, longitude: 181 } },
    { coordinates: { latitude: 0 } },
    { coordinates: { latitude: Number.NaN, longitude: 0 } },
    { source: 'http://example.com/regions' },
    { source: 'not a page' },
    { tags: ['Not A Tag'] },
    { unknown: true },
    { provider: undefined },
  ]
  for (const change of broken) {
    assert.not(regionSchema.safeParse({ ...valid, ...change }).success, JSON.stringify(change))
  }
  for (const id of ['a', 'r1', 'rr', '1', 'x'.repeat(63)]) {
    assert.ok(regionSchema.safeParse({ ...valid, id }).success, id)
  }
})

test('editors see a description for every field', () => {
  const { properties } = z.toJSONSchema(regionSchema)
  assert.equal(Object.keys(properties ?? {}).sort(), [...fieldOrder].sort())
  for (const [name, property] of Object.entries(properties ?? {})) {
    assert.ok(typeof property === 'object' && property.description, name)
  }
})

test.run()
