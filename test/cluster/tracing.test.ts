/** Two regions that send their spans to a collector: a request through one is one trace in both. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startWorld, type World } from '../worlds/world.ts'
import { connected, put, send, until } from './client.ts'
import { OtlpReceiver, type ReceivedSpan } from './otlp-receiver.ts'

const caller = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' }
const traceparent = `00-${caller.traceId}-${caller.spanId}-01`
const secret = 'kjq7zpx2marker'

const receiver = new OtlpReceiver()
let world: World

test.before(async () => {
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = await receiver.start()
  process.env.OTEL_BSP_SCHEDULE_DELAY = '50'
  world = await startWorld({ regions: ['eu-west', 'us-east'], threads: 2 })
  await connected(world)
})

test.after(async () => {
  await world?.close()
  receiver.close()
})

const ofTrace = (): ReceivedSpan[] =>
  receiver.spans.filter(({ traceId }) => traceId === caller.traceId)

test('a write through another region is one trace, each span under its cause', async () => {
  const name = `cities ${secret}`
  assert.is((await put(world, 'eu-west', name, secret)).status, 201)
  const written = await put(world, 'us-east', name, `${secret} again`, { traceparent })
  assert.is(written.home, 'eu-west')

  await until('the spans of both regions have come', async () =>
    ['us-east', 'eu-west'].every(region => ofTrace().some(span => span.region === region)),
  )
  await until('each span has the one above it', async () =>
    ofTrace().every(({ parentSpanId }) =>
      [caller, ...ofTrace()].some(({ spanId }) => spanId === parentSpanId),
    ),
  )
  const path = pathTo(ofTrace(), 'eu-west', 'shard write')
  assert.equal(path, [
    'us-east PUT /v1/kv/{dataset}/{key}',
    'us-east call execute',
    'eu-west answer execute',
    'eu-west shard write',
  ])
})

/** From the caller's span down. */
function pathTo(spans: readonly ReceivedSpan[], region: string, name: string): string[] {
  const path: string[] = []
  let span = spans.find(one => one.region === region && one.name === name)
  while (span) {
    path.unshift(`${span.region} ${span.name}`)
    const above: string | undefined = span.parentSpanId
    if (above === caller.spanId) return path
    span = spans.find(({ spanId }) => spanId === above)
  }
  throw new Error(`no way up from ${name}: ${JSON.stringify(path)}`)
}

test('a request that nobody traces begins a trace of its own', async () => {
  const before = receiver.spans.length
  await send(world, 'eu-west', 'GET', '/v1/kv/cities/nothing', {})
  await until('its span has come', async () =>
    receiver.spans
      .slice(before)
      .some(({ name, parentSpanId }) => name.startsWith('GET /v1/kv') && !parentSpanId),
  )
})

test('no span holds a key or a value', () => {
  assert.ok(receiver.bodies.length > 0)
  for (const body of receiver.bodies) assert.not(body.includes(secret))
})

test.run()
