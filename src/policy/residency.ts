/** Residency: from selectors to the sets of regions that may home, store and serve. */
import type { Forbidden } from '../model/placement.ts'
import type { Region } from '../model/region.ts'
import type { CompileContext } from './context.ts'
import type { SourcePath } from './diagnostic.ts'
import type { Right } from './right.ts'
import type { RulePackId } from './rule-packs.ts'
import type { ResidencyInput, SelectorInput } from './schema.ts'
import { label } from './selector.ts'

export interface Residency {
  /** Where it is written. */
  readonly path: SourcePath
  readonly anywhere: boolean
  readonly law: readonly RulePackId[]
  /** Regions in order of their ids. home ⊆ store. */
  readonly regions: Readonly<Record<Right, readonly Region[]>>
  readonly forbidden: Readonly<Record<string, Forbidden>>
}

interface Selection {
  readonly regions: readonly Region[]
  readonly whyNot: ReadonlyMap<string, string>
}

/** Compiles a residency; undefined, after reporting why, if any part of it can't be relied upon. */
export function compileResidency(
  input: ResidencyInput,
  path: SourcePath,
  context: CompileContext,
): Residency | undefined {
  if (input === 'anywhere') {
    const all = sortById(context.vocabulary.regions)
    const regions = { home: all, store: all, serve: all }
    return { path, anywhere: true, law: [], regions, forbidden: {} }
  }
  const select = (right: Right, selector: SelectorInput): Selection | undefined =>
    selectRegions(selector, [...path, right], context)
  const store = select('store', input.store)
  const home = input.home === undefined ? store : select('home', input.home)
  const serve = input.serve === undefined ? store : select('serve', input.serve)
  if (!store || !home || !serve) return undefined
  if (!checkHomeInStore(home, store, path, context)) return undefined
  return {
    path,
    anywhere: false,
    law: input.law ?? [],
    regions: { home: home.regions, store: store.regions, serve: serve.regions },
    forbidden: collectForbidden(context.vocabulary.regions, { home, store, serve }),
  }
}

function selectRegions(
  input: SelectorInput,
  path: SourcePath,
  context: CompileContext,
): Selection | undefined {
  const selector = context.selector(input, path)
  if (!selector) return undefined
  const all = sortById(context.vocabulary.regions)
  const reasons = all.map(region => [region.id, selector.whyNot(region)] as const)
  const whyNot = new Map(
    reasons.filter((entry): entry is readonly [string, string] => entry[1] !== undefined),
  )
  const regions = all.filter(({ id }) => !whyNot.has(id))
  if (regions.length > 0) return { regions, whyNot }
  const message = `no region of the cluster is in ${selector.text}`
  context.error('empty_selection', path, message, `the cluster has ${all.map(label).join(', ')}`)
  return undefined
}

/** A home keeps the first copy, so that whoever may home must be allowed to store. */
function checkHomeInStore(
  home: Selection,
  store: Selection,
  path: SourcePath,
  context: CompileContext,
): boolean {
  const outside = home.regions.filter(({ id }) => store.whyNot.has(id))
  for (const region of outside) {
    const message = `${region.id} may home but not store: ${store.whyNot.get(region.id)}`
    const advice = 'a home keeps the first copy: narrow home or widen store'
    context.error('home_outside_store', [...path, 'home'], message, advice)
  }
  return outside.length === 0
}

function collectForbidden(
  regions: readonly Region[],
  selections: Readonly<Record<Right, Selection>>,
): Record<string, Forbidden> {
  const entries = sortById(regions).flatMap(({ id }): [string, Forbidden][] => {
    const home = selections.home.whyNot.get(id)
    const store = selections.store.whyNot.get(id)
    const serve = selections.serve.whyNot.get(id)
    const forbidden = {
      ...(home === undefined ? {} : { home }),
      ...(store === undefined ? {} : { store }),
      ...(serve === undefined ? {} : { serve }),
    }
    return Object.keys(forbidden).length === 0 ? [] : [[id, forbidden]]
  })
  return Object.fromEntries(entries)
}

const sortById = (regions: readonly Region[]): readonly Region[] =>
  [...regions].sort((a, b) => (a.id < b.id ? -1 : 1))
