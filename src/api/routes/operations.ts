/** What operators and their tools ask a node: health, readiness, the cluster, the API document. */
import { z } from 'zod'
import { utf8 } from '../../model/bytes.ts'
import { DenizenError } from '../../model/errors.ts'
import { noParameters, type Route, route } from '../declare.ts'
import { buildDocument } from '../openapi.ts'
import { clusterSchema } from '../view-schemas.ts'

const plain = {
  mutates: false,
  needs: 'nothing',
  parameters: noParameters,
  query: noParameters,
  headers: z.object({}),
} as const

const statusSchema = z.object({ status: z.literal('ok'), region: z.string() })
const okReply = {
  description: 'It is',
  content: { 'application/json': { schema: statusSchema } },
}

const health = route({
  ...plain,
  method: 'GET',
  path: '/healthz',
  id: 'health',
  summary: 'Whether the process lives',
  replies: { 200: okReply },
  errors: [],
  async handle(exchange) {
    return exchange.structured(200, { status: 'ok', region: exchange.service.region })
  },
})

const readySchema = statusSchema.extend({
  readOnly: z
    .literal(true)
    .exactOptional()
    .meta({ description: 'The disk is full or read-only: values are refused, reads answered' }),
})

const readiness = route({
  ...plain,
  method: 'GET',
  path: '/readyz',
  id: 'readiness',
  summary: 'Whether the node serves',
  replies: {
    200: { ...okReply, content: { 'application/json': { schema: readySchema } } },
  },
  errors: ['not_ready'],
  async handle(exchange) {
    const { service } = exchange
    const reason = service.nodeNotReady()
    if (reason !== undefined) throw new DenizenError('not_ready', reason)
    const readOnly = service.readOnly() && { readOnly: true }
    return exchange.structured(200, { status: 'ok', region: service.region, ...readOnly })
  },
})

const cluster = route({
  ...plain,
  method: 'GET',
  path: '/v1/cluster',
  id: 'cluster',
  needs: 'admin',
  summary: 'Regions, datasets, the policy in force',
  replies: {
    200: {
      description: 'The cluster as this node sees it',
      content: {
        'application/json': { schema: clusterSchema },
        'application/cbor': { schema: clusterSchema },
      },
    },
  },
  errors: ['not_ready'],
  async handle(exchange) {
    return exchange.structured(200, await exchange.timed('service', exchange.service.cluster()))
  },
})

/** `all` is asked at the first request: by then it holds the document's own route too. */
const apiDocument = (all: () => readonly Route[], version: string): Route => {
  let bytes: Uint8Array | undefined
  return route({
    ...plain,
    method: 'GET',
    path: '/openapi.json',
    id: 'apiDocument',
    summary: 'This document',
    replies: { 200: { description: 'OpenAPI 3.1', content: { 'application/json': {} } } },
    errors: [],
    async handle(exchange) {
      bytes ??= utf8(JSON.stringify(buildDocument(all(), version)))
      return exchange.reply(
        200,
        { 'Content-Type': 'application/json', 'Cache-Control': 'no-cache' },
        bytes,
      )
    },
  })
}

const metrics = (page: () => Promise<string>): Route =>
  route({
    ...plain,
    method: 'GET',
    path: '/metrics',
    id: 'metrics',
    needs: 'admin',
    summary: 'What the node has counted, for Prometheus',
    replies: { 200: { description: 'All threads together', content: { 'text/plain': {} } } },
    errors: [],
    async handle(exchange) {
      // Version 0.0.4 of the text format, as prom-client writes it.
      const headers = { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' }
      return exchange.reply(200, headers, utf8(await page()))
    },
  })

export interface OperationRoutesOptions {
  readonly version: string
  /** Undefined: there is no such route. */
  readonly metricsPage?: () => Promise<string>
}

export const operationRoutes = (
  all: () => readonly Route[],
  { version, metricsPage }: OperationRoutesOptions,
): readonly Route[] => [
  health,
  readiness,
  cluster,
  ...(metricsPage ? [metrics(metricsPage)] : []),
  apiDocument(all, version),
]
