/**
 * The raw request target. URL parsing collapses `..` and `//` and may decode twice, so keys are
 * taken from the target as it came over the wire, and decoded once.
 */
import { DenizenError } from '../model/errors.ts'
import { decodePathText, type Key, parseKey } from '../model/key.ts'
import type { RegionId } from '../model/slot.ts'

export interface Target {
  /** As it came: path and query. */
  readonly raw: string
  readonly path: string
  /** Without the `?`; empty where there is none. */
  readonly query: string
}

export interface DatasetTarget {
  readonly dataset: string
  /** Still encoded: what follows the dataset and its `/`; undefined where the path ends before. */
  readonly rest: string | undefined
}

/** Origin form, or the origin form within an absolute one (RFC 9112, section 3.2). */
export function splitTarget(rawTarget: string): Target {
  const raw = rawTarget.replace(/^https?:\/\/[^/?#]*/i, '')
  const mark = raw.indexOf('?')
  return mark < 0
    ? { raw, path: raw, query: '' }
    : { raw, path: raw.slice(0, mark), query: raw.slice(mark + 1) }
}

/** The target as far as a fetch-style request still has it: on Workers it is already normalised. */
export const urlTarget = (request: Request): string =>
  splitTarget(request.url.replace(/#.*$/s, '')).raw

const datasetName = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/** Splits `<base><dataset>[/<rest>]`. Throws `unknown_dataset` for what can't be a name. */
export function datasetTarget(path: string, base: string): DatasetTarget {
  const tail = path.slice(base.length)
  const slash = tail.indexOf('/')
  const dataset = decodedName(slash < 0 ? tail : tail.slice(0, slash))
  if (dataset === undefined || !datasetName.test(dataset)) {
    throw new DenizenError('unknown_dataset', 'the path names no dataset: a name is a DNS label')
  }
  return { dataset, rest: slash < 0 ? undefined : tail.slice(slash + 1) }
}

function decodedName(raw: string): string | undefined {
  try {
    return decodePathText(raw)
  } catch {
    return undefined
  }
}

export interface KeyTarget {
  readonly dataset: string
  readonly key: Key
}

/** Splits `<base><dataset>/<key>`. Throws `unknown_dataset`, then `bad_key`. */
export function keyTarget(path: string, base: string): KeyTarget {
  const { dataset, rest } = datasetTarget(path, base)
  return { dataset, key: keyFromPath(rest ?? '') }
}

function keyFromPath(raw: string): Key {
  // Whatever follows a bare # never reaches a server that parses URLs: two keys would look alike.
  if (raw.includes('#')) throw new DenizenError('bad_key', 'the path has a # that is not encoded')
  return parseKey(decodePathText(raw))
}

/**
 * The parameters of a query in their decoded form; `+` is a space, as in forms. Throws
 * `bad_request`, or `bad_key` where the parameter is the beginning of a key.
 */
export function parseQuery(query: string): Record<string, string> {
  if (query.includes('#')) throw new DenizenError('bad_request', 'the query has a bare #')
  const parameters: Record<string, string> = {}
  for (const pair of query.split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = decodeParameter(equals < 0 ? pair : pair.slice(0, equals), '')
    if (Object.hasOwn(parameters, name)) {
      throw new DenizenError('bad_request', 'a query parameter is given twice')
    }
    // Assigning __proto__ would set the prototype; no route has such a parameter.
    if (name === '__proto__') throw new DenizenError('bad_request', 'unknown query parameter')
    parameters[name] = equals < 0 ? '' : decodeParameter(pair.slice(equals + 1), name)
  }
  return parameters
}

const keyParameters: ReadonlySet<string> = new Set(['prefix', 'after', 'group'])

function decodeParameter(raw: string, name: string): string {
  try {
    return decodePathText(raw.replaceAll('+', ' '))
  } catch (error) {
    if (keyParameters.has(name)) throw error
    throw new DenizenError('bad_request', 'the query is not percent-encoded UTF-8')
  }
}

/** The target for the next region: the same, and where it was sent from. */
export const targetVia = (target: Target, region: RegionId): string =>
  `${target.raw}${target.raw.includes('?') ? '&' : '?'}via=${region}`
