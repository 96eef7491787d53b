/** Key prefixes of partitions and homes, and whether the homes they name are permitted. */

import { DenizenError } from '../model/errors.ts'
import type { Homing } from '../model/home-rule.ts'
import { parseKeyPrefix } from '../model/key.ts'
import type { CompileContext } from './context.ts'
import type { SourcePath } from './diagnostic.ts'
import type { Residency } from './residency.ts'
import type { HomingInput } from './schema.ts'
import { didYouMean } from './suggest.ts'

/**
 * Checks a key prefix of the policy: it ends in "/" and has at most `groupBySegments` segments, so
 * that no group lies on both sides of its border.
 */
export function checkPrefix(
  prefix: string,
  groupBySegments: number | null,
  path: SourcePath,
  context: CompileContext,
): boolean {
  const problem = prefixProblem(prefix, groupBySegments)
  if (!problem) return true
  context.reportKey('error', 'bad_prefix', path, problem.message, problem.suggestion)
  return false
}

function prefixProblem(
  prefix: string,
  groupBySegments: number | null,
): { message: string; suggestion?: string } | undefined {
  if (!prefix.endsWith('/')) {
    const message = `the prefix "${prefix}" does not end in "/"`
    return prefix === '' ? { message } : { message, suggestion: `write "${prefix}/"` }
  }
  try {
    parseKeyPrefix(prefix)
  } catch (error) {
    if (!(error instanceof DenizenError)) throw error
    return { message: `no key begins with "${prefix}": ${error.message}` }
  }
  const segments = prefix.split('/').length - 1
  if (groupBySegments === null || segments <= groupBySegments) return undefined
  return {
    message: `the prefix "${prefix}" has ${segments} segments, groups have ${groupBySegments}: a group would lie on both sides of it`,
    suggestion: `groupBy: { segments: ${segments} } in the dataset, or a shorter prefix`,
  }
}

export interface HomingScope {
  /** `cities` or `tenants/eu/`, for texts. */
  readonly id: string
  /** The partition's prefix, or empty. */
  readonly prefix: string
  readonly groupBySegments: number | null
  readonly residency: Residency
  /** True if the setting is the dataset's, for all of its partitions. */
  readonly inherited: boolean
}

/** Compiles `homing` for one dataset or partition; undefined after reporting a wrong home. */
export function compileHoming(
  input: HomingInput,
  path: SourcePath,
  scope: HomingScope,
  context: CompileContext,
): Homing | undefined {
  if (typeof input === 'string') return { kind: input }
  if ('pinned' in input) {
    const permitted = checkHome(input.pinned, [...path, 'pinned'], scope, context)
    return permitted ? { kind: 'pinned', region: input.pinned } : undefined
  }
  const homes = Object.entries(input.prefix)
    .map(([prefix, region]) => ({ prefix, region, at: [...path, 'prefix', prefix] }))
    .filter(({ prefix, at }) => checkPrefix(prefix, scope.groupBySegments, at, context))
    .filter(({ prefix, at }) => meetsScope(prefix, at, scope, context))
  const wrong = homes.filter(({ region, at }) => !checkHome(region, at, scope, context))
  if (wrong.length > 0) return undefined
  const longestFirst = homes.map(({ prefix, region }) => ({ prefix, region }))
  longestFirst.sort((a, b) => b.prefix.length - a.prefix.length || (a.prefix < b.prefix ? -1 : 1))
  return { kind: 'prefix', homes: longestFirst }
}

/** Whether keys of the partition can begin with the prefix; reports it where none ever can. */
function meetsScope(
  prefix: string,
  path: SourcePath,
  scope: HomingScope,
  context: CompileContext,
): boolean {
  if (prefix.startsWith(scope.prefix) || scope.prefix.startsWith(prefix)) return true
  // A dataset's list serves all of its partitions, each takes what concerns it.
  if (!scope.inherited) {
    const message = `no key of ${scope.id} begins with "${prefix}"`
    const advice = `prefixes here begin with "${scope.prefix}"`
    context.reportKey('error', 'bad_prefix', path, message, advice)
  }
  return false
}

function checkHome(
  region: string,
  path: SourcePath,
  { id, residency }: HomingScope,
  context: CompileContext,
): boolean {
  if (residency.regions.home.some(home => home.id === region)) return true
  const ids = context.vocabulary.regions.map(known => known.id)
  if (!ids.includes(region)) {
    const message = `"${region}" is no region of the cluster`
    context.error('unknown_region', path, message, didYouMean(region, ids))
    return false
  }
  const reason = residency.forbidden[region]?.home ?? 'it is not permitted'
  const permitted = residency.regions.home.map(home => home.id).join(', ')
  const message = `${region} may not home ${id}: ${reason}`
  context.error('home_not_permitted', path, message, `permitted: ${permitted}`)
  return false
}
