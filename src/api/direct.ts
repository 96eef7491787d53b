/**
 * The routes of one value, and batches, without a framework around them: most requests are for
 * these, and making a fetch-style request and response of each cost more than all that Denizen does
 * for it (measured: see bench/results). Everything behind the host is the same: routes, exchange,
 * problems.
 */
import { type Access, type Caller, openAccess } from '../access/access.ts'
import { RequestMeter } from '../metrics/request-meter.ts'
import type { ApiOptions } from './app.ts'
import type { Route } from './declare.ts'
import { Exchange } from './exchange.ts'
import type { HostRequest, Reply } from './host.ts'
import { type Limited, PlainReads, type ReadyReply } from './plain-reads.ts'
import { describeCause } from './problem.ts'
import { batch, batchBase } from './routes/batch.ts'
import { deleteValue, getValue, kvBase, putValue } from './routes/kv.ts'
import { runRoute } from './run-route.ts'
import { sequenceFormatOf } from './sequence.ts'
import { splitTarget, type Target } from './target.ts'

export interface DirectApi {
  /**
   * What a GET is answered, where that is known at once; else undefined, and it is to be passed to
   * `soon`. `rawTarget` and `rawHeaders` (names and values in turn): as they came.
   */
  atOnce(rawTarget: string, rawHeaders: readonly string[]): ReadyReply | Limited | undefined
  /** The reply to a request that `atOnce` found to be more than a rate permits. */
  refuse(limited: Limited, rawTarget: string, request: HostRequest): Promise<Reply>
  /** Undefined for requests that are the framework's to answer. */
  soon(
    method: string | undefined,
    rawTarget: string,
    request: HostRequest,
  ): Promise<Reply> | undefined
}

export function createDirectApi(options: Omit<ApiOptions, 'rawTarget' | 'version'>): DirectApi {
  const { service, clock, log, meter = new RequestMeter(), tracing } = options
  const access: Access = options.access ?? openAccess
  const routes = new Map<string | undefined, Named>(
    [getValue, putValue, deleteValue].map(route => [route.method, named(route)]),
  )
  const run = (
    { route, name }: Named,
    target: Target,
    request: HostRequest,
    access: Access,
  ): Promise<Reply> => {
    const exchange = new Exchange({
      ...{ service, clock, log, meter, tracing, request, target },
      ...{ route: name, mutates: route.mutates, needs: route.needs },
      sendContinue: undefined,
      cutOff: undefined,
    })
    return runRoute(route, exchange, access)
  }
  // Spans are made by routes: what is traced goes through them.
  const plainReads = tracing ? undefined : new PlainReads({ service, access, meter, clock })

  return {
    atOnce(rawTarget, rawHeaders) {
      try {
        return plainReads?.answer(rawTarget, rawHeaders)
      } catch (error) {
        log.error('a bug in plain reads', describeCause(error))
        return undefined
      }
    },
    refuse: (limited, rawTarget, request) =>
      run(named(getValue), splitTarget(rawTarget), request, refusing(limited)),
    soon(method, rawTarget, request) {
      if (isOddTarget(rawTarget)) return undefined
      if (method === batch.method) {
        const batchTarget = splitTarget(rawTarget)
        if (!isWholeBatch(batchTarget, request)) return undefined
        return run(named(batch), batchTarget, request, access)
      }
      const found = routes.get(method)
      // Without a further slash it is a list, or a value that is to be created; with nothing before
      // that slash, no route.
      if (!found || !rawTarget.startsWith(kvBase)) return undefined
      const target = splitTarget(rawTarget)
      if (target.path.indexOf('/', kvBase.length) <= kvBase.length) return undefined
      return run(found, target, request, access)
    },
  }
}

/** Streams are the framework's. */
const isWholeBatch = ({ path }: Target, request: HostRequest): boolean =>
  path.startsWith(batchBase) &&
  path.length > batchBase.length &&
  !path.includes('/', batchBase.length) &&
  sequenceFormatOf(request.header('content-type') ?? '') === undefined

/** One that fetch-style hosts take for malformed, wherever it leads. */
const isOddTarget = (rawTarget: string): boolean => rawTarget.includes('\\')

interface Named {
  readonly route: Route
  readonly name: string
}

const named = (route: Route): Named => ({ route, name: `${route.method} ${route.path}` })

/** For a request that has been held against the rates already. */
function refusing({ caller, waitMs }: Limited): Access {
  const refused: Caller = { ...caller, take: () => waitMs }
  return { authenticate: () => refused, known: () => refused }
}
