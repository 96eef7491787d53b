import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { unevenHomes, withSample } from '../../src/cli/import/expected-homes.ts'
import { guessHomeBy, homeChooser, parseHomeBy } from '../../src/cli/import/home-by.ts'
import type { ImportRecord } from '../../src/cli/import/records.ts'
import { countryCodes } from '../../src/policy/countries.ts'
import type { ClusterView } from '../../src/routing/service.ts'
import { jsonReply, withServer } from './http-server.ts'

const regions = [
  { id: 'eu-west', country: 'IE', coordinates: { latitude: 53.3, longitude: -6.3 } },
  { id: 'us-east', country: 'US', coordinates: { latitude: 38.9, longitude: -77 } },
  { id: 'us-west', country: 'US', coordinates: { latitude: 37.4, longitude: -122 } },
  { id: 'ap-northeast', country: 'JP', coordinates: { latitude: 35.7, longitude: 139.7 } },
]

test('by country: a region there, else the nearest to its people', () => {
  const choose = homeChooser(parseHomeBy('country=address.country'), regions)
  const by = (country: unknown): string | undefined => choose({ address: { country } })
  assert.is(by('US'), 'us-east')
  assert.is(by(' jp '), 'ap-northeast')
  assert.is(by('DE'), 'eu-west')
  assert.is(by('KR'), 'ap-northeast')
  assert.is(by('CA'), 'us-east')
  assert.is(by('XX'), undefined)
  assert.is(by(7), undefined)
  assert.is(choose({ country: 'US' }), undefined)
  assert.is(choose(null), undefined)
})

test('nearly all countries have a place', () => {
  const choose = homeChooser(parseHomeBy('country=c'), regions)
  const without = [...countryCodes].filter(c => choose({ c }) === undefined)
  assert.equal(without, ['BV', 'HM', 'IO', 'UM'])
})

test('by coordinates: numbers, or texts that are numbers', () => {
  const choose = homeChooser(parseHomeBy('lat=geo.lat,lon=geo.lng'), regions)
  assert.is(choose({ geo: { lat: 34, lng: -118 } }), 'us-west')
  assert.is(choose({ geo: { lat: '48.8', lng: '2.3' } }), 'eu-west')
  for (const geo of [{ lat: 1 }, { lat: '', lng: '' }, { lat: 91, lng: 0 }, { lat: 'x', lng: 0 }]) {
    assert.is(choose({ geo }), undefined)
  }
})

test('options that say neither are refused', () => {
  for (const text of ['', 'country', 'lat=a', 'lat=a,lon=b,x=c', 'country=a,lat=b']) {
    assert.throws(() => parseHomeBy(text), /country=FIELD/)
  }
})

test('the fields of a place are guessed from their names and what is in them', () => {
  assert.is(guessHomeBy([{ lat: 1, lon: 2, country: 'IE' }]), 'lat=lat,lon=lon')
  assert.is(guessHomeBy([{ country: 'IE' }, { country: 'FR' }]), 'country=country')
  assert.is(guessHomeBy([{ country: 'Ireland' }]), undefined)
  assert.is(guessHomeBy([{ address: { country: 'IE' } }]), 'country=address.country')
})

const recordsOf = (...values: readonly unknown[]): ImportRecord[] =>
  values.map((value, index) => ({
    ...{ index, key: `k${index}`, endBytes: 0, bytes: new Uint8Array() },
    value: () => value,
  }))

const view = (...home: readonly string[]): ClusterView =>
  ({ region: 'eu-west', datasets: [{ name: 'd', home, store: home, serve: home }] }) as never

const sample = recordsOf(...Array.from({ length: 100 }, () => ({ country: 'IE' })))

/** What is said of the sample where `explain` answers so. */
async function warningWith(
  explained: object,
  options: { home?: readonly string[]; hint?: string } = {},
): Promise<string | undefined> {
  let warning: string | undefined
  await withServer(
    () => jsonReply('status' in explained ? 403 : 200, explained),
    async url => {
      const { home = ['eu-west', 'us-east'], hint } = options
      const hintFor = ({ index }: ImportRecord): string | undefined =>
        index % 2 === 0 ? 'us-east' : hint
      const shared = { url, dataset: 'd', view: view(...home) }
      warning = await unevenHomes(
        sample,
        hint === undefined
          ? { ...shared, hintFor: () => undefined, isHinted: false }
          : { ...shared, hintFor, isHinted: true },
      )
    },
  )
  return warning
}

test('a warning where one region would home nearly all, with what to type', async () => {
  assert.match((await warningWith({})) ?? '', /eu-west would home 100%.*--home-by country=country/s)
  assert.match((await warningWith({ status: 403 })) ?? '', /eu-west would home 100%/)
  assert.match((await warningWith({}, { hint: 'us-east' })) ?? '', /us-east would home/)
  assert.match((await warningWith({ home: { region: 'us-east' } })) ?? '', /us-east would home/)
})

test('none where there is no choice, or homes are spread', async () => {
  assert.is(await warningWith({}, { home: ['eu-west'] }), undefined)
  assert.is(await warningWith({}, { hint: 'eu-west' }), undefined)
})

test('a sample is looked at once, before anything goes on', async () => {
  const events: string[] = []
  const pieces = async function* (): AsyncGenerator<readonly ImportRecord[]> {
    for (let n = 0; n < 12; n++) yield sample
  }
  const look = async (records: readonly ImportRecord[]): Promise<void> => {
    events.push(`look ${records.length}`)
  }
  for await (const piece of withSample(pieces(), look)) events.push(`${piece.length}`)
  assert.equal(events, ['look 1000', '1000', '100', '100'])
  events.length = 0
  const few = async function* (): AsyncGenerator<readonly ImportRecord[]> {
    yield sample
  }
  for await (const piece of withSample(few(), look)) events.push(`${piece.length}`)
  assert.equal(events, ['look 100', '100'])
})

test.run()
