/** Two regions under a small load: what they say of themselves is what their clients saw. */
import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Scrape } from '../support/prometheus-text.ts'
import { MarkerSearch, newMarker } from '../worlds/marker-search.ts'
import { startWorld, type World } from '../worlds/world.ts'
import { connected, get, put, remove, send, strong, until } from './client.ts'

const [here, there] = ['eu-west', 'us-east'] as const
let world: World
test.before(async () => {
  world = await startWorld({ regions: [here, there], threads: 2 })
  await connected(world)
})
test.after(() => world?.close())

const markers = { key: newMarker(Math.random), value: newMarker(Math.random) }
const name = (n: number): string => `cities ${encodeURIComponent(`${markers.key}/${n}`)}`
const pages: string[] = []

async function scrape(region: string): Promise<Scrape> {
  const reply = await send(world, region, 'GET', '/metrics')
  assert.is(reply.status, 200)
  pages.push(reply.text)
  return new Scrape(reply.text)
}

test('what is counted is what clients did, on whichever thread', async () => {
  for (let n = 0; n < 12; n++)
    assert.is((await put(world, here, name(n), markers.value)).status, 201)
  for (let n = 0; n < 12; n++) {
    const read = await get(world, here, name(n), strong)
    assert.is(read.status, 200, read.text)
  }
  for (let n = 0; n < 5; n++) assert.is((await get(world, there, name(n), strong)).status, 200)
  assert.is((await get(world, here, name(99))).status, 404)
  assert.is((await get(world, here, `nosuch ${markers.key}`)).status, 404)
  assert.is((await remove(world, here, name(11))).status, 204)
  const ops = [0, 1, 2].map(n => ({ op: 'get', key: `${markers.key}/${n}` }))
  const headers = { 'content-type': 'application/json' }
  const body = JSON.stringify({ ops })
  const target = '/v1/batch/cities'
  assert.is((await send(world, here, 'POST', target, { headers, body })).status, 200)

  const ours = await scrape(here)
  const requests = (labels: Record<string, string>): number =>
    ours.sum('denizen_requests_total', { region: here, ...labels })
  assert.is(requests({ dataset: 'cities', operation: 'putValue', code: '201' }), 12)
  assert.is(requests({ dataset: 'cities', operation: 'getValue', code: '200' }), 12)
  assert.is(requests({ dataset: 'cities', operation: 'getValue', code: '404' }), 1)
  assert.is(requests({ dataset: 'cities', operation: 'deleteValue', code: '204' }), 1)
  assert.is(requests({ dataset: '', operation: 'getValue', code: '404' }), 1)
  assert.is(ours.sum('denizen_request_errors_total', { error: 'unknown_dataset' }), 1)
  const reads = { dataset: 'cities', operation: 'getValue', served: 'home' }
  assert.is(ours.sum('denizen_request_duration_seconds_count', reads), 12)
  assert.is(ours.sum('denizen_batch_operations_sum', { dataset: 'cities' }), 3)
  assert.is(ours.sum('denizen_records', { dataset: 'cities' }), 11)
  assert.is(ours.sum('denizen_tombstones', { dataset: 'cities' }), 1)
  assert.is(ours.sum('denizen_refused_placements_total'), 0)
  assert.is(ours.sum('denizen_peer_answer_duration_seconds_count', { call: 'execute' }), 5)
  assert.is(ours.sum('denizen_requests_in_flight'), 1, 'the scrape itself')
  assert.ok(ours.sum('denizen_commit_requests_sum', { dataset: 'cities' }) >= 13)
  assert.equal(
    ours.all('denizen_event_loop_delay_seconds', { quantile: '1' }).map(it => it.labels.thread),
    ['core 0', 'core 1', 'main'],
  )

  const theirs = await scrape(there)
  const calls = { peer: here, call: 'execute', outcome: 'answered' }
  assert.is(theirs.sum('denizen_peer_call_duration_seconds_count', calls), 5)
  const proxied = { dataset: 'cities', operation: 'getValue', served: 'proxy' }
  assert.is(theirs.sum('denizen_request_duration_seconds_count', proxied), 5)
  const followed = { dataset: 'cities', peer: here }
  await until('all of it has been followed', async () => {
    const now = await scrape(there)
    return now.sum('denizen_records', { dataset: 'cities' }) === 11
  })
  const sent = (await scrape(here)).sum('denizen_feed_sent_bytes_total', { peer: there })
  const received = (await scrape(there)).sum('denizen_feed_received_bytes_total', followed)
  assert.ok(received > 0 && received === sent, `${received} of ${sent} bytes`)
})

test('a cut link shows as lag that grows, and is gone after it heals', async () => {
  const lagSeconds = async (): Promise<number> =>
    (await scrape(there)).sum('denizen_replication_lag_seconds', {
      dataset: 'cities',
      source: here,
    })
  await until('the copy is current', async () => (await lagSeconds()) < 1.5)
  world.cut(here, there)
  await until('the peer is down', async () =>
    (await scrape(there)).all('denizen_peer_up', { peer: here }).every(({ value }) => value === 0),
  )
  await until('the lag grows', async () => (await lagSeconds()) > 2)
  world.heal()
  await until('the lag is gone', async () => (await lagSeconds()) < 1.5)
  const now = await scrape(there)
  assert.is(now.sum('denizen_replication_lag_records', { dataset: 'cities', source: here }), 0)
  assert.is(now.sum('denizen_peer_up', { peer: here }), 1)
})

test('a trace that a caller names is in the lines of what fails', async () => {
  const traceId = '0af7651916cd43dd8448eb211c80319c'
  const headers = { traceparent: `00-${traceId}-b7ad6b7169203331-01` }
  world.cut(here, there)
  const { status } = await get(world, there, name(1), { ...strong, ...headers })
  world.heal()
  assert.is(status, 503)
  await until('the line is written', async () =>
    readFileSync(world.logFile(there), 'utf8').includes(`"traceId":"${traceId}"`),
  )
})

test("every metric is in the operator's list", async () => {
  const list = readFileSync(new URL('../../docs/OPERATIONS.md', import.meta.url), 'utf8')
  const { types } = await scrape(here)
  const own = [...types.keys()].filter(name => !/^denizen_(process|nodejs)_/.test(name))
  assert.equal(
    own.filter(name => !new RegExp(`\\b${name}\\b`).test(list)),
    [],
  )
})

test('neither keys nor values are in a page or in a log', () => {
  const search = new MarkerSearch(markers)
  for (const page of pages) assert.equal(search.bytes('/metrics', Buffer.from(page)), [])
  for (const region of world.regions) assert.equal(search.file(world.logFile(region)), [])
})

test.run()
