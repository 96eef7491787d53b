/** What makes a node trace, and what it says where it can't. */
import { registerHooks } from 'node:module'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { openTracing } from '../../src/node/node-tracing.ts'
import { StartError } from '../../src/node/start-error.ts'
import { silentLogger } from '../../src/runtime/log.ts'
import { isTracingConfigured } from '../../src/runtime/otel-tracing.ts'

test('an endpoint turns tracing on, and the standard switches turn it off', () => {
  const OTEL_EXPORTER_OTLP_ENDPOINT = 'http://127.0.0.1:4318'
  assert.is(isTracingConfigured({}), false)
  assert.is(isTracingConfigured({ OTEL_EXPORTER_OTLP_ENDPOINT: '' }), false)
  assert.is(isTracingConfigured({ OTEL_EXPORTER_OTLP_ENDPOINT }), true)
  assert.is(isTracingConfigured({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://c/v1/traces' }), true)
  assert.is(isTracingConfigured({ OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SDK_DISABLED: 'true' }), false)
  assert.is(
    isTracingConfigured({ OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_EXPORTER: 'none' }),
    false,
  )
})

test('packages that are not installed are a mistake of configuration', async () => {
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      if (!specifier.startsWith('@opentelemetry/')) return next(specifier, context)
      throw Object.assign(new Error('not found'), { code: 'ERR_MODULE_NOT_FOUND' })
    },
  })
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = 'http://127.0.0.1:4318'
  try {
    await openTracing('eu-west', silentLogger)
    assert.unreachable()
  } catch (error) {
    if (!(error instanceof StartError)) throw error
    assert.match(error.message, 'the packages of OpenTelemetry are not installed')
    assert.is(error.exitCode, 2)
  } finally {
    delete process.env.OTEL_EXPORTER_OTLP_ENDPOINT
    hooks.deregister()
  }
  assert.is(await openTracing('eu-west', silentLogger), undefined)
})

test.run()
