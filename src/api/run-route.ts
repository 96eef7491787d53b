/** Runs a route, whoever hosts it: who calls is settled first, and every failure becomes a reply. */
import type { Access } from '../access/access.ts'
import { authenticate } from './authorize.ts'
import type { Route } from './declare.ts'
import type { Exchange } from './exchange.ts'
import type { Reply } from './host.ts'
import { asDenizenError, problemReply } from './problem.ts'

export async function runRoute(route: Route, exchange: Exchange, access: Access): Promise<Reply> {
  try {
    await authenticate(exchange, access)
    return await route.run(exchange)
  } catch (error) {
    return problemReply(exchange, asDenizenError(exchange, error))
  }
}
