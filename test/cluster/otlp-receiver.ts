/** A collector of OpenTelemetry that takes spans over OTLP/HTTP in JSON, and keeps them. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { z } from 'zod'

const attributesSchema = z.array(
  z.object({ key: z.string(), value: z.record(z.string(), z.unknown()) }),
)
const exportSchema = z.object({
  resourceSpans: z.array(
    z.object({
      resource: z.object({ attributes: attributesSchema }),
      scopeSpans: z.array(
        z.object({
          spans: z.array(
            z.object({
              traceId: z.string().length(32),
              spanId: z.string().length(16),
              parentSpanId: z.string().optional(),
              name: z.string(),
              attributes: attributesSchema,
            }),
          ),
        }),
      ),
    }),
  ),
})

export interface ReceivedSpan {
  readonly region: unknown
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string | undefined
  readonly name: string
}

export class OtlpReceiver {
  readonly spans: ReceivedSpan[] = []
  /** Everything that came. */
  readonly bodies: Buffer[] = []
  readonly #server = createServer(async (request, response) => {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part)
    this.#take(Buffer.concat(parts))
    response.setHeader('content-type', 'application/json').end('{}')
  })

  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    const { port } = this.#server.address() as AddressInfo
    return `http://127.0.0.1:${port}`
  }

  #take(body: Buffer): void {
    this.bodies.push(body)
    for (const { resource, scopeSpans } of exportSchema.parse(JSON.parse(`${body}`))
      .resourceSpans) {
      const region = resource.attributes.find(({ key }) => key === 'cloud.region')
      for (const { traceId, spanId, parentSpanId, name } of scopeSpans.flatMap(it => it.spans)) {
        this.spans.push({
          ...{ region: region?.value.stringValue, traceId, spanId, name },
          parentSpanId: parentSpanId || undefined,
        })
      }
    }
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }
}
