import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { cityKey, cityRecord, loadCities } from '../../src/cli/import/city-source.ts'
import { parseKey } from '../../src/model/key.ts'

test('keys are the country, a readable name and the stable id', () => {
  assert.is(cityKey('JP', 'Tokyo', 1850147), 'jp/tokyo-1850147')
  assert.is(cityKey('BR', 'São Paulo', 3448439), 'br/sao-paulo-3448439')
  assert.is(cityKey('FR', "L'Haÿ-les-Roses", 3005066), 'fr/l-hay-les-roses-3005066')
  assert.is(cityKey('US', '  St. Paul / West ', 1), 'us/st-paul-west-1')
  assert.is(cityKey('CN', '北京', 2), 'cn/2')
})

test('a place becomes a record with its coordinates in the right order', () => {
  const record = cityRecord({
    cityId: 2964574,
    name: 'Dublin',
    country: 'IE',
    adminCode: 'L',
    population: 1024027,
    loc: { coordinates: [-6.24889, 53.33306] },
  })
  assert.is(record.key, 'ie/dublin-2964574')
  assert.equal(record.coordinates, { latitude: 53.33306, longitude: -6.24889 })
  assert.equal(record.value, {
    name: 'Dublin',
    country: 'IE',
    admin: 'L',
    population: 1024027,
    lat: 53.33306,
    lon: -6.24889,
  })
})

test('all places have valid keys, each its own; the largest come first', async () => {
  const cities = await loadCities(0)
  assert.ok(cities.length > 100_000)
  assert.is(new Set(cities.map(({ key }) => parseKey(key))).size, cities.length)
  assert.ok((cities[0]?.value.population ?? 0) > 10_000_000)
  const large = await loadCities(300_000)
  assert.ok(large.every(({ value }) => value.population >= 300_000))
  assert.equal(large, cities.slice(0, large.length))
})

test.run()
