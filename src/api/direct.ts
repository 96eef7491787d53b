/**
 * The routes of one value without a framework around them: most requests are for these, and making
 * a fetch-style request and response of each cost more than all that Denizen does for it (measured:
 * see bench/results). Everything behind the host is the same: routes, exchange, problems.
 */
import { type Access, openAccess } from '../access/access.ts'
import { RequestMeter } from '../metrics/request-meter.ts'
import type { ApiOptions } from './app.ts'
import type { Route } from './declare.ts'
import { Exchange } from './exchange.ts'
import type { HostRequest, Reply } from './host.ts'
import { deleteValue, getValue, putValue } from './routes/kv.ts'
import { runRoute } from './run-route.ts'
import { splitTarget } from './target.ts'

/** Undefined for requests that are the framework's to answer. `rawTarget`: as it came. */
export type DirectApi = (
  method: string | undefined,
  rawTarget: string,
  request: HostRequest,
) => Promise<Reply> | undefined

const BASE = '/v1/kv/'

export function createDirectApi(options: Omit<ApiOptions, 'rawTarget' | 'version'>): DirectApi {
  const { service, clock, log, meter = new RequestMeter(), tracing } = options
  const access: Access = options.access ?? openAccess
  const routes = new Map<string | undefined, { readonly route: Route; readonly name: string }>(
    [getValue, putValue, deleteValue].map(route => [
      route.method,
      { route, name: `${route.method} ${route.path}` },
    ]),
  )
  return (method, rawTarget, request) => {
    const found = routes.get(method)
    // Without a further slash it is a list, or a value that is to be created; with nothing before
    // that slash, no route.
    if (!found || !rawTarget.startsWith(BASE)) return undefined
    const target = splitTarget(rawTarget)
    if (target.path.indexOf('/', BASE.length) <= BASE.length) return undefined
    const { route, name } = found
    const exchange = new Exchange({
      ...{ service, clock, log, meter, tracing, request, target },
      ...{ route: name, mutates: route.mutates, needs: route.needs },
      sendContinue: undefined,
      cutOff: undefined,
    })
    return runRoute(route, exchange, access)
  }
}
