/**
 * Runs a route, whoever hosts it: who calls is settled first, every failure becomes a reply, and
 * what came of it is counted.
 */
import type { Access } from '../access/access.ts'
import { authenticate } from './authorize.ts'
import type { Route } from './declare.ts'
import type { Exchange } from './exchange.ts'
import type { Reply } from './host.ts'
import { asDenizenError, problemReply } from './problem.ts'

export async function runRoute(route: Route, exchange: Exchange, access: Access): Promise<Reply> {
  const { meter } = exchange
  meter.began()
  const reply = await traced(route, exchange, () => answer(route, exchange, access))
  const { dataset, served, error } = exchange
  const durationMs = exchange.elapsedMs()
  meter.ended({ operation: route.id, dataset, served, status: reply.status, error, durationMs })
  return reply
}

/** In a span, where there is tracing. What it says of a request holds no key. */
async function traced(
  { method, path }: Route,
  exchange: Exchange,
  run: () => Promise<Reply>,
): Promise<Reply> {
  const { tracing } = exchange
  if (!tracing) return await run()
  const attributes = { 'http.request.method': method, 'http.route': path }
  const parent = exchange.header('traceparent')
  const start = { name: `${method} ${path}`, kind: 'server', attributes, parent } as const
  return await tracing.run(start, async span => {
    const reply = await run()
    const { dataset, served, error } = exchange
    span.set({
      'http.response.status_code': reply.status,
      ...(dataset !== '' && { 'denizen.dataset': dataset }),
      ...(served !== '' && { 'denizen.served': served }),
    })
    if (error !== undefined && reply.status >= 500) span.fail(error)
    return reply
  })
}

async function answer(route: Route, exchange: Exchange, access: Access): Promise<Reply> {
  try {
    await authenticate(exchange, access)
    return await route.run(exchange)
  } catch (error) {
    return problemReply(exchange, asDenizenError(exchange, error))
  }
}
