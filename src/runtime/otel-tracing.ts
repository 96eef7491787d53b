/**
 * Tracing by OpenTelemetry, sent over OTLP/HTTP in JSON, and configured by its standard environment
 * variables. Its packages are optional: they are loaded only where an endpoint is set.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Context, Span, Tracer } from '@opentelemetry/api'
import type { Sampler, TracerProvider } from '@opentelemetry/sdk-trace'
import { formatTraceParent, parseTraceParent } from '../model/trace-parent.ts'
import type { Logger } from './log.ts'
import type { RunningSpan, SpanAttributes, SpanStart, Tracing, WayBack } from './tracing.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export interface OtelOptions {
  readonly environment: Environment
  /** Of every span. */
  readonly resource: SpanAttributes
  readonly version: string
  readonly log: Logger
}

const FLUSH_MAX_MS = 1_000

/** Whether the environment names a place that spans are to be sent to. */
export const isTracingConfigured = (environment: Environment): boolean =>
  Boolean(
    environment.OTEL_EXPORTER_OTLP_ENDPOINT || environment.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT,
  ) &&
  environment.OTEL_SDK_DISABLED?.toLowerCase() !== 'true' &&
  environment.OTEL_TRACES_EXPORTER !== 'none'

type Packages = Awaited<ReturnType<typeof loadPackages>>

/** Rejects with `ERR_MODULE_NOT_FOUND` where the packages are not installed. */
async function loadPackages() {
  const [api, sdk, exporter, resources] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
  ])
  return { api, sdk, exporter, resources }
}

/** Rejects as `loadPackages` does. */
export async function openOtelTracing(options: OtelOptions): Promise<Tracing> {
  const { environment, resource, version, log } = options
  const packages = await loadPackages()
  const { api, sdk, exporter, resources } = packages
  // Its texts may quote what it met; that spans get lost is what an operator has to know.
  const lost = (): void => log.warn('spans could not be sent', {})
  const silent = { warn: () => {}, info: () => {}, debug: () => {}, verbose: () => {} }
  api.diag.setLogger({ ...silent, error: lost }, api.DiagLogLevel.ERROR)
  const { resourceAttributesEnvDetector, serviceNameEnvDetector } = resources
  const provider = new sdk.TracerProvider({
    resource: resources
      .resourceFromAttributes({
        'service.name': 'denizen',
        'service.version': version,
        ...resource,
      })
      .merge(
        resources.detectResources({
          detectors: [resourceAttributesEnvDetector, serviceNameEnvDetector],
        }),
      ),
    sampler: samplerOf(packages, environment),
    spanProcessors: [
      new sdk.BatchSpanProcessor({
        exporter: new exporter.OTLPTraceExporter(),
        scheduledDelayMillis: Number(environment.OTEL_BSP_SCHEDULE_DELAY || 5_000),
      }),
    ],
  })
  return new OtelTracing(packages, provider, version)
}

/** OTEL_TRACES_SAMPLER; by default the caller decides, and what nobody decided is kept. */
function samplerOf({ sdk }: Packages, environment: Environment): Sampler {
  const name = environment.OTEL_TRACES_SAMPLER || 'parentbased_always_on'
  const ratio = Number(environment.OTEL_TRACES_SAMPLER_ARG || 1)
  const root = name.endsWith('always_off')
    ? new sdk.AlwaysOffSampler()
    : name.endsWith('traceidratio')
      ? new sdk.TraceIdRatioBasedSampler(ratio)
      : new sdk.AlwaysOnSampler()
  return name.startsWith('parentbased_') ? new sdk.ParentBasedSampler({ root }) : root
}

class OtelTracing implements Tracing {
  readonly #api: Packages['api']
  readonly #provider: TracerProvider
  readonly #tracer: Tracer
  readonly #current = new AsyncLocalStorage<Context>()

  constructor({ api }: Packages, provider: TracerProvider, version: string) {
    this.#api = api
    this.#provider = provider
    this.#tracer = provider.getTracer('denizen', version)
  }

  async run<T>(start: SpanStart, task: (span: RunningSpan) => Promise<T>): Promise<T> {
    const above = start.kind === 'server' ? this.#contextOf(start.parent) : this.#current.getStore()
    if (!above) return await task(noSpan)
    const { SpanKind, SpanStatusCode, trace } = this.#api
    const kind = SpanKind[kinds[start.kind]]
    const span = this.#tracer.startSpan(
      start.name,
      { kind, attributes: { ...start.attributes } },
      above,
    )
    const fail = (): void => void span.setStatus({ code: SpanStatusCode.ERROR })
    try {
      return await this.#current.run(trace.setSpan(above, span), () => task(running(span, fail)))
    } catch (error) {
      fail()
      throw error
    } finally {
      span.end()
    }
  }

  #contextOf(parent: string | undefined): Context {
    const { ROOT_CONTEXT, trace } = this.#api
    const found = parseTraceParent(parent)
    if (!found) return ROOT_CONTEXT
    const { traceId, spanId, flags: traceFlags } = found
    return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true })
  }

  current(): string | undefined {
    const context = this.#current.getStore()
    const span = context && this.#api.trace.getSpanContext(context)
    if (!span) return undefined
    const { traceId, spanId, traceFlags: flags } = span
    return formatTraceParent({ traceId, spanId, flags })
  }

  wayBack(): WayBack {
    return AsyncLocalStorage.snapshot()
  }

  async close(): Promise<void> {
    // What could not be sent has been warned about.
    await this.#provider.forceFlush({ timeoutMillis: FLUSH_MAX_MS }).catch(() => {})
  }
}

const kinds = { server: 'SERVER', client: 'CLIENT', internal: 'INTERNAL' } as const

const noSpan: RunningSpan = { set: () => {}, fail: () => {} }

const running = (span: Span, fail: () => void): RunningSpan => ({
  set: attributes => void span.setAttributes({ ...attributes }),
  fail(code) {
    span.setAttribute('error.type', code)
    fail()
  },
})
