/**
 * The policy compiler: `denizen.yaml` and region files in, a placement table or reasons out. Pure.
 *
 * Policies fail closed: with one error there is no policy at all. What is compiled is plain data
 * that every node keeps, so that nothing is ever compiled twice with different results.
 */
import { limits } from '../model/limits.ts'
import type { PlacementData, PolicyData, PolicyRegion } from '../model/placement.ts'
import type { Region } from '../model/region.ts'
import { checkAssertion } from './assertions.ts'
import { CompileContext } from './context.ts'
import { compileDataset } from './dataset.ts'
import { type Diagnostic, DiagnosticList } from './diagnostic.ts'
import { loadRegions, resolveKeeper } from './regions.ts'
import { type PolicyFile, policyFileSchema } from './schema.ts'
import { parseWith } from './schema-issues.ts'
import { type SourceFile, YamlSource } from './source.ts'

export interface CompileInput {
  readonly policy: SourceFile
  /** Every file of the folder that `regions` names, or of the catalogue if it is a list. */
  readonly regionFiles: readonly SourceFile[]
  /**
   * The day of the check, YYYY-MM-DD: decides only about dated data of law. Left out, dates are not
   * checked: a node that restarts and compares its file must not depend on a calendar.
   */
  readonly today?: string
}

export interface CompileResult {
  /** Absent if any diagnostic is an error. */
  readonly policy?: PolicyData
  /** In order of file, line and column. */
  readonly diagnostics: readonly Diagnostic[]
}

/** What the shell has to read before it can compile; undefined if the policy doesn't say. */
export type RegionsSetting =
  | { readonly kind: 'folder'; readonly folder: string }
  | { readonly kind: 'catalogue'; readonly ids: readonly string[] }

export function regionsSetting(policy: SourceFile): RegionsSetting | undefined {
  const { value } = new YamlSource(policy, new DiagnosticList())
  const parsed = policyFileSchema.shape.regions.safeParse(
    typeof value === 'object' && value !== null && 'regions' in value ? value.regions : undefined,
  )
  if (!parsed.success) return undefined
  return typeof parsed.data === 'string'
    ? { kind: 'folder', folder: parsed.data }
    : { kind: 'catalogue', ids: parsed.data }
}

export function compilePolicy(input: CompileInput): CompileResult {
  const diagnostics = new DiagnosticList()
  const policy = compile(input, diagnostics)
  return {
    ...(policy && !diagnostics.hasErrors ? { policy } : {}),
    diagnostics: diagnostics.sorted(),
  }
}

function compile(input: CompileInput, diagnostics: DiagnosticList): PolicyData | undefined {
  const source = new YamlSource(input.policy, diagnostics)
  const file = parseWith(policyFileSchema, source, diagnostics)
  if (!file) return undefined
  const vocabulary = loadRegions(file, source, input.regionFiles, diagnostics)
  // Without all regions every selector would seem to be wrong.
  if (diagnostics.hasErrors) return undefined
  const keeper = resolveKeeper(file, source, vocabulary.regions, diagnostics)
  const context = new CompileContext(source, vocabulary, input.today, diagnostics)
  const placements = Object.entries(file.datasets).flatMap(([name, dataset]) =>
    compileDataset(name, dataset, context),
  )
  checkStores(placements, context)
  // An assertion about a dataset with errors would only repeat them.
  if (!diagnostics.hasErrors) checkAssertions(file, placements, context)
  if (keeper === undefined) return undefined
  return {
    cluster: file.cluster,
    keeper,
    regions: vocabulary.regions.map(policyRegion),
    placements,
  }
}

function checkAssertions(
  file: PolicyFile,
  placements: readonly PlacementData[],
  context: CompileContext,
): void {
  file.assert?.forEach((text, index) => {
    checkAssertion(text, ['assert', index], placements, context)
  })
}

/** Each dataset has at least one store file in each region that stores it. */
function checkStores(placements: readonly PlacementData[], context: CompileContext): void {
  for (const { id } of context.vocabulary.regions) {
    const count = placements.filter(({ store }) => store.includes(id)).length
    if (count <= limits.storesPerNodeMax) continue
    const message = `${id} would store ${count} datasets and partitions; the limit is ${limits.storesPerNodeMax}`
    context.reportKey('error', 'too_many_stores', ['datasets'], message)
  }
}

const policyRegion = (region: Region): PolicyRegion => {
  const { id, name, country, operator, operatorCountry, coordinates } = region
  return { id, name, country, operator, operatorCountry, ...coordinates }
}
