/**
 * What a jurisdiction or `adequate:<exporter>` selects: not legal advice.
 *
 * The answers are sets of countries, compiled once from dated rows in `data/`. Nothing here knows
 * the date: a policy check compares `expiresOn` with a date of its own, so that a restart on the
 * policy in force never depends on a calendar. Names are matched exactly, and an unknown name is
 * `undefined`, never an empty set: whoever compiles a policy has to refuse it.
 *
 * `adequate:<exporter>` holds third countries only, as decisions do: the exporter's own countries
 * are selected by its name (`[eea, adequate:eu]`).
 */
import { type AdequacyDecision, adequacyDecisions } from './data/adequacy.ts'
import { type Jurisdiction, jurisdictions } from './data/jurisdictions.ts'

export type { AdequacyDecision, Jurisdiction }

type CompiledJurisdiction = {
  readonly row: Jurisdiction
  readonly countries: ReadonlySet<string>
}

const byName: ReadonlyMap<string, CompiledJurisdiction> = new Map(
  jurisdictions.map(row => [row.name, { row, countries: new Set(row.countries) }]),
)

const byExporter: ReadonlyMap<string, readonly AdequacyDecision[]> = Map.groupBy(
  adequacyDecisions,
  ({ exporter }) => exporter,
)

/** The dated row of a jurisdiction, for explanations and for its date. */
export const findJurisdiction = (name: string): Jurisdiction | undefined => byName.get(name)?.row

/** ISO 3166-1 alpha-2 codes of a jurisdiction; undefined if the name is unknown. */
export const jurisdictionCountries = (name: string): ReadonlySet<string> | undefined =>
  byName.get(name)?.countries

/** Names in order of the alphabet. */
export const knownJurisdictions = (): string[] => [...byName.keys()].sort()

/** The dated rows of an exporter, conditional ones included; undefined if it is unknown. */
export const exporterDecisions = (exporter: string): readonly AdequacyDecision[] | undefined =>
  byExporter.get(exporter)

/** Exporters for which decisions are recorded, in order of the alphabet. */
export const knownExporters = (): string[] => [...byExporter.keys()].sort()

/** Conditions that some decision of the exporter names, in order; empty if it is unknown. */
export const knownConditions = (exporter: string): string[] => {
  const names = (byExporter.get(exporter) ?? []).flatMap(({ condition }) => condition?.name ?? [])
  return [...new Set(names)].sort()
}

/**
 * Countries to which the exporter's law lets data go: those with an unconditional decision, and
 * those whose condition is among `conditions`, which the caller thereby claims to meet. Undefined
 * if the exporter, or one of the conditions for it, is unknown.
 */
export const adequateCountries = (
  exporter: string,
  conditions: readonly string[],
): ReadonlySet<string> | undefined => {
  const decisions = byExporter.get(exporter)
  if (decisions === undefined) return undefined
  const known = knownConditions(exporter)
  if (!conditions.every(condition => known.includes(condition))) return undefined
  const adequate = decisions.filter(
    ({ condition }) => condition === undefined || conditions.includes(condition.name),
  )
  return new Set(adequate.map(({ country }) => country))
}
