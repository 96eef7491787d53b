/**
 * The HTTP key API as a Hono app over the `Service` port. It runs wherever Web APIs do; nothing
 * here imports `node:*`.
 */
import { type Context, Hono } from 'hono'
import { cors } from 'hono/cors'
import { type Access, openAccess } from '../access/access.ts'
import { RequestMeter } from '../metrics/request-meter.ts'
import { DenizenError } from '../model/errors.ts'
import type { Service } from '../routing/service.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/log.ts'
import type { Tracing } from '../runtime/tracing.ts'
import type { Administration } from './administration.ts'
import type { Route } from './declare.ts'
import { type ApiBindings, Exchange, type Needs } from './exchange.ts'
import { webRequest, webResponse } from './host.ts'
import { asDenizenError, problemReply } from './problem.ts'
import { allowedHeaders, exposedHeaders } from './reply-headers.ts'
import { administrationRoutes } from './routes/administration.ts'
import { batch } from './routes/batch.ts'
import { createValue } from './routes/create.ts'
import { explainKey } from './routes/explain.ts'
import { deleteValue, getValue, putValue } from './routes/kv.ts'
import { listKeys } from './routes/list.ts'
import { moveRoutes } from './routes/moves.ts'
import { operationRoutes } from './routes/operations.ts'
import { policyRoutes } from './routes/policy.ts'
import { receiptRoutes } from './routes/receipts.ts'
import { scrubRoutes } from './routes/scrub.ts'
import { transact } from './routes/tx.ts'
import { watchKeys } from './routes/watch.ts'
import { runRoute } from './run-route.ts'
import { splitTarget, type Target } from './target.ts'

export interface ApiOptions {
  readonly service: Service
  /**
   * The request target as it came over the wire, before any URL parser had it; `env` is what the
   * host passed to `fetch`. On Node that is `nodeTarget`, elsewhere `urlTarget`.
   */
  readonly rawTarget: (request: Request, env: unknown) => string
  readonly log: Logger
  readonly clock: Clock
  /** Default: whoever reaches the port may do anything. */
  readonly access?: Access
  /** Default: none, as of a host that is no node. */
  readonly administration?: Administration
  /** Default: nobody reads what is counted. */
  readonly meter?: RequestMeter
  readonly tracing?: Tracing | undefined
  /** The page for Prometheus; undefined: there is none. */
  readonly metricsPage?: () => Promise<string>
  /** Of Denizen, for the API document. */
  readonly version: string
}

type Api = Hono<{ Bindings: ApiBindings }>
type ApiContext = Context<{ Bindings: ApiBindings }>

/** How long a browser may remember a preflight: Chromium's own maximum. */
const PREFLIGHT_SECONDS = 7_200

export function createApi(options: ApiOptions): Api {
  const targetOf = (request: Request, env: unknown): Target =>
    splitTarget(options.rawTarget(request, env))
  const { access = openAccess, meter = new RequestMeter() } = options
  const routes = routesOf(options)
  const app: Api = new Hono({ getPath: (request, found) => targetOf(request, found?.env).path })

  const exchangeOf = (c: ApiContext, name: string, mutates: boolean, needs: Needs): Exchange =>
    new Exchange({
      service: options.service,
      clock: options.clock,
      log: options.log,
      meter,
      tracing: options.tracing,
      request: webRequest(c.req.raw),
      target: targetOf(c.req.raw, c.env),
      route: name,
      mutates,
      needs,
      sendContinue: c.env?.sendContinue,
      cutOff: c.env?.cutOff,
    })

  for (const route of routes) {
    const name = `${route.method} ${route.path}`
    app.on(route.method, honoPath(route.path), async c => {
      const exchange = exchangeOf(c, name, route.mutates, route.needs)
      return webResponse(await runRoute(route, exchange, access))
    })
  }
  // Only preflights go through this middleware: around the others it would copy each reply, and
  // Exchange adds the same headers.
  app.options(
    '*',
    cors({
      origin: '*',
      allowMethods: ['GET', 'HEAD', 'PUT', 'POST', 'DELETE'],
      allowHeaders: allowedHeaders,
      exposeHeaders: exposedHeaders,
      maxAge: PREFLIGHT_SECONDS,
    }),
  )
  const unrouted = unroutedError(routes)
  app.notFound(c =>
    webResponse(problemReply(exchangeOf(c, 'none', false, 'nothing'), unrouted(c.req.path))),
  )
  app.onError((error, c) => {
    const exchange = exchangeOf(c, 'none', false, 'nothing')
    return webResponse(problemReply(exchange, asDenizenError(exchange, error)))
  })
  return app
}

function routesOf(options: ApiOptions): readonly Route[] {
  const routes: Route[] = []
  routes.push(
    getValue,
    putValue,
    deleteValue,
    createValue,
    listKeys,
    watchKeys,
    batch,
    transact,
    explainKey,
    ...(options.administration ? administrationRoutes(options.administration) : []),
    ...(options.administration ? scrubRoutes(options.administration) : []),
    ...(options.administration ? policyRoutes(options.administration) : []),
    ...(options.administration ? moveRoutes(options.administration) : []),
    ...(options.administration ? receiptRoutes(options.administration) : []),
    ...operationRoutes(() => routes, options),
  )
  return routes
}

const honoPath = (path: string): string =>
  path.replace('{dataset}', ':dataset').replace(/\{(key|group)\}/, ':$1{.*}')

/** What a request without a route gets: 405 where another method would have one. */
function unroutedError(routes: readonly Route[]): (path: string) => DenizenError {
  const patterns = routes.map(route => ({
    method: route.method,
    pattern: new RegExp(
      `^${route.path
        .replaceAll('.', '\\.')
        .replace('{dataset}', '[^/]+')
        .replace(/\{(key|group)\}/, '.*')}$`,
      's',
    ),
  }))
  return path => {
    const methods = patterns.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method)
    if (methods.length === 0) return new DenizenError('unknown_route', 'the path is no route')
    const allow = ['OPTIONS', ...methods, ...(methods.includes('GET') ? ['HEAD'] : [])]
    return new DenizenError('method_not_allowed', 'the route has other methods', {
      extra: { allow: allow.sort().join(', ') },
    })
  }
}
