/** Region files: which of them make the cluster, and the words that selectors may use. */
import { type Region, regionSchema } from '../model/region.ts'
import { DiagnosticList } from './diagnostic.ts'
import { knownJurisdictions } from './jurisdictions.ts'
import type { PolicyFile } from './schema.ts'
import { parseWith } from './schema-issues.ts'
import type { Vocabulary } from './selector.ts'
import { type SourceFile, YamlSource } from './source.ts'
import { didYouMean } from './suggest.ts'

/** The id that a file name promises: `regions/eu-west.yaml` is eu-west. */
const fileId = (file: string): string => file.replace(/^.*[/\\]/, '').replace(/\.ya?ml$/, '')

/**
 * Picks and parses the region files that `regions` names: all of a folder, in order of their ids,
 * or the listed ones of the catalogue, in the order of the list. Other files are read for their
 * words only, and what is wrong with them is not reported: they are no part of this cluster.
 */
export function loadRegions(
  policy: PolicyFile,
  source: YamlSource,
  files: readonly SourceFile[],
  diagnostics: DiagnosticList,
): Vocabulary {
  const byId = new Map(files.map(file => [fileId(file.file), file]))
  const ids =
    typeof policy.regions === 'string'
      ? [...byId.keys()].sort()
      : checkList(policy.regions, byId, source, diagnostics)
  if (ids.length === 0 && typeof policy.regions === 'string') {
    const message = `there is no region file in ${policy.regions}`
    const advice = 'add one, or list regions of the catalogue: regions: [eu-west, us-east]'
    diagnostics.report('error', 'no_regions', source, ['regions'], message, advice)
  }
  const regions = ids.flatMap(id => {
    const file = byId.get(id)
    return (file && parseRegion(file, diagnostics)) ?? []
  })
  const others = [...byId.keys()].filter(id => !ids.includes(id))
  const silent = new DiagnosticList()
  const all = [...regions, ...others.flatMap(id => parseRegion(byId.get(id), silent) ?? [])]
  return {
    regions,
    otherRegionIds: others,
    providers: new Set(all.map(({ provider }) => provider)),
    tags: new Set(all.flatMap(({ tags }) => tags ?? [])),
  }
}

/** The listed ids that exist, each once. */
function checkList(
  listed: readonly string[],
  byId: ReadonlyMap<string, SourceFile>,
  source: YamlSource,
  diagnostics: DiagnosticList,
): string[] {
  listed.forEach((id, index) => {
    const path = ['regions', index]
    if (listed.indexOf(id) !== index) {
      const message = `region ${id} is listed twice`
      diagnostics.report('error', 'duplicate_region', source, path, message)
    } else if (!byId.has(id)) {
      const message = `there is no region "${id}" in the catalogue`
      const advice = didYouMean(id, byId.keys())
      diagnostics.report('error', 'unknown_region', source, path, message, advice)
    }
  })
  return [...new Set(listed)].filter(id => byId.has(id))
}

function parseRegion(
  file: SourceFile | undefined,
  diagnostics: DiagnosticList,
): Region | undefined {
  if (!file) return undefined
  const source = new YamlSource(file, diagnostics)
  const region = parseWith(regionSchema, source, diagnostics)
  if (!region) return undefined
  const expected = fileId(file.file)
  if (region.id !== expected) {
    const message = `the id is ${region.id}, but the file is named ${expected}`
    const advice = 'make them equal'
    diagnostics.report('error', 'region_file_name', source, ['id'], message, advice)
  }
  if (knownJurisdictions().includes(region.id)) {
    const message = `"${region.id}" is the name of a jurisdiction, so that selectors would be ambiguous`
    const advice = `name it ${region.id}-1, for example`
    diagnostics.report('error', 'region_name_taken', source, ['id'], message, advice)
  }
  return region
}

/** The keeper of `coordination: {static}`: any region of the cluster; implied if there is one. */
export function resolveKeeper(
  policy: PolicyFile,
  source: YamlSource,
  regions: readonly Region[],
  diagnostics: DiagnosticList,
): string | undefined {
  const ids = regions.map(({ id }) => id)
  const keeper = policy.coordination?.static
  if (keeper === undefined) {
    if (ids.length <= 1) return ids[0]
    const message = `coordination is required in a cluster of ${ids.length} regions: one of them keeps the policy in force`
    const advice = `for example coordination: { static: ${ids[0]} }`
    diagnostics.report('error', 'keeper_required', source, ['coordination'], message, advice)
    return undefined
  }
  if (ids.includes(keeper)) return keeper
  const path = ['coordination', 'static']
  const message = `the keeper "${keeper}" is no region of the cluster`
  diagnostics.report('error', 'unknown_region', source, path, message, didYouMean(keeper, ids))
  return undefined
}
