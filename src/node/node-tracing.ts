/** Tracing of one thread of a node, where the environment asks for it. */
import type { RegionId } from '../model/slot.ts'
import type { Logger } from '../runtime/log.ts'
import { isTracingConfigured, openOtelTracing } from '../runtime/otel-tracing.ts'
import type { Tracing } from '../runtime/tracing.ts'
import { StartError } from './start-error.ts'
import { version } from './version.ts'

/** Throws `StartError` where it is asked for and not installed. */
export async function openTracing(region: RegionId, log: Logger): Promise<Tracing | undefined> {
  const environment = process.env
  if (!isTracingConfigured(environment)) return undefined
  const resource = { 'cloud.region': region }
  try {
    return await openOtelTracing({ environment, resource, version, log })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND')) {
      throw error
    }
    throw new StartError(
      'OTEL_EXPORTER_OTLP_ENDPOINT is set, and the packages of OpenTelemetry are not installed',
      'Install the @opentelemetry packages that package.json lists as peers, or unset the variable.',
    )
  }
}
