import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { distanceKm, estimateRttMs, nearestRegions } from '../../src/model/distance.ts'
import type { Coordinates } from '../../src/model/region.ts'

const dublin: Coordinates = { latitude: 53.35, longitude: -6.26 }
const frankfurt: Coordinates = { latitude: 50.11, longitude: 8.68 }
const virginia: Coordinates = { latitude: 39.04, longitude: -77.49 }
const tokyo: Coordinates = { latitude: 35.68, longitude: 139.77 }
const sydney: Coordinates = { latitude: -33.87, longitude: 151.21 }

const between = (value: number, low: number, high: number, what: string): void => {
  assert.ok(value >= low && value <= high, `${what}: ${value} is outside ${low}-${high}`)
}

test('distances agree with published great circles within 1 %', () => {
  const published: [Coordinates, Coordinates, number][] = [
    [dublin, frankfurt, 1088],
    [dublin, virginia, 5455],
    [frankfurt, tokyo, 9340],
    [virginia, tokyo, 10890],
    [tokyo, sydney, 7820],
  ]
  for (const [a, b, km] of published) between(distanceKm(a, b), km * 0.99, km * 1.01, `${km} km`)
})

test('distance is zero at home, symmetric, and survives antipodes and the date line', () => {
  assert.is(distanceKm(tokyo, tokyo), 0)
  assert.is(distanceKm(dublin, tokyo), distanceKm(tokyo, dublin))
  const halfTurn = Math.PI * 6371.0088
  for (const latitude of [-90, -88.4, -87.5, 0, 33.3, 90]) {
    const here = { latitude, longitude: 12.3 }
    const antipode = { latitude: -latitude, longitude: -167.7 }
    between(distanceKm(here, antipode), halfTurn - 0.1, halfTurn, `antipode of ${latitude}`)
  }
  const west = { latitude: 0, longitude: 179.9 }
  const east = { latitude: 0, longitude: -179.9 }
  between(distanceKm(west, east), 22, 22.5, 'date line')
})

test('estimated round trips are plausible', () => {
  between(estimateRttMs(dublin, frankfurt), 20, 30, 'Dublin-Frankfurt')
  between(estimateRttMs(dublin, virginia), 70, 90, 'Dublin-Virginia')
  between(estimateRttMs(frankfurt, tokyo), 180, 240, 'Frankfurt-Tokyo')
  between(estimateRttMs(virginia, tokyo), 150, 190, 'Virginia-Tokyo')
  between(estimateRttMs(dublin, sydney), 240, 300, 'Dublin-Sydney')
  between(estimateRttMs(tokyo, tokyo), 1, 10, 'same city')
})

test('estimated round trips are symmetric and never beat light in fibre', () => {
  const places = [dublin, frankfurt, virginia, tokyo, sydney]
  for (const a of places) {
    for (const b of places) {
      assert.is(estimateRttMs(a, b), estimateRttMs(b, a))
      assert.ok(estimateRttMs(a, b) > distanceKm(a, b) / 100)
    }
  }
})

test('nearest regions come first, ties by id, and the input is left alone', () => {
  const regions = [
    { id: 'tokyo', coordinates: tokyo },
    { id: 'frankfurt-b', coordinates: frankfurt },
    { id: 'virginia', coordinates: virginia },
    { id: 'frankfurt-a', coordinates: frankfurt },
  ]
  const ids = nearestRegions(dublin, regions).map(({ id }) => id)
  assert.equal(ids, ['frankfurt-a', 'frankfurt-b', 'virginia', 'tokyo'])
  assert.is(regions[0]?.id, 'tokyo')
  assert.equal(nearestRegions(dublin, []), [])
})

test.run()
