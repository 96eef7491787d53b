/** What is counted, added up over threads, and read back from the page. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { gauge } from '../../src/metrics/family.ts'
import { Histogram } from '../../src/metrics/histogram.ts'
import { Phases } from '../../src/metrics/phases.ts'
import { type EndedRequest, RequestMeter } from '../../src/metrics/request-meter.ts'
import { MetricsPage } from '../../src/node/metrics-page.ts'
import { manualClock } from '../support/manual-clock.ts'
import { Scrape } from '../support/prometheus-text.ts'

const page = new MetricsPage({ region: 'eu-west' })

const read: EndedRequest = {
  ...{ operation: 'getValue', dataset: 'cities', served: 'home', status: 200 },
  ...{ error: undefined, durationMs: 2 },
}

test('threads are added up', async () => {
  const [one, other] = [new RequestMeter(), new RequestMeter()]
  for (const meter of [one, one, other]) {
    meter.began()
    meter.ended(read)
  }
  other.began()
  const scrape = new Scrape(await page.text([one.families(), other.families()]))
  const labels = { dataset: 'cities', operation: 'getValue', region: 'eu-west' }
  assert.is(scrape.sum('denizen_requests_total', { ...labels, code: '200' }), 3)
  assert.is(scrape.sum('denizen_request_duration_seconds_count', { ...labels, served: 'home' }), 3)
  assert.is(scrape.sum('denizen_requests_in_flight'), 1)
})

test('a histogram counts a value up to each bound that it does not exceed', async () => {
  const histogram = new Histogram({
    ...{ name: 'denizen_sizes', help: 'Sizes.', labels: ['dataset'], bounds: [1, 10] },
  })
  for (const value of [0, 1, 1.5, 10, 11]) histogram.observe(value, 'cities')
  const scrape = new Scrape(await page.text([[histogram.family()]]))
  const upTo = (le: string): number => scrape.sum('denizen_sizes_bucket', { le })
  assert.equal([upTo('1'), upTo('10'), upTo('+Inf')], [2, 4, 5])
  assert.is(scrape.sum('denizen_sizes_sum'), 23.5)
})

test('label values that need it are escaped', async () => {
  const dataset = 'tenants/"eu"\\\n'
  const family = { ...gauge('denizen_odd', 'Odd.', 1), values: [{ labels: { dataset }, value: 1 }] }
  const scrape = new Scrape(await page.text([[family]]))
  assert.is(scrape.all('denizen_odd')[0]?.labels.dataset, dataset)
})

test('a phase is the time in which any operation is in it; the rest is routing', async () => {
  const clock = manualClock()
  const phases = new Phases(clock)
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const one = phases.spend('store', first.promise)
  clock.advance(10)
  const other = phases.spend('store', second.promise)
  clock.advance(5)
  first.resolve()
  await one
  clock.advance(5)
  second.resolve()
  await other
  await phases.spend('home', Promise.resolve())
  assert.is(phases.timings(50), 'route;dur=30.00, store;dur=20.00, ')
})

test.run()
