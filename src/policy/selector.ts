/**
 * Selectors: which regions a rule means, and for each other region the reason why not.
 *
 * What selects nothing known is refused, not skipped: a misspelt `provider:` in `except` would
 * permit what its author forbade. Countries are the exception: any ISO 3166 code is known, because
 * "never country:US" has to hold on the day somebody adds a region there.
 */
import type { Region } from '../model/region.ts'
import { countryCodes, mistakenCountries } from './countries.ts'
import type { SourcePath } from './diagnostic.ts'
import {
  adequateCountries,
  exporterDecisions,
  findJurisdiction,
  jurisdictionCountries,
  knownConditions,
  knownExporters,
  knownJurisdictions,
} from './jurisdictions.ts'
import type { SelectorInput } from './schema.ts'
import { didYouMean } from './suggest.ts'

/** The words that selectors may use. */
export interface Vocabulary {
  /** The regions of the cluster. */
  readonly regions: readonly Region[]
  /** Region files that exist but are not in the cluster; only for better errors. */
  readonly otherRegionIds: readonly string[]
  /** Providers and tags of all region files that were read. */
  readonly providers: ReadonlySet<string>
  readonly tags: ReadonlySet<string>
}

/** A dated row of data that a selector rests on; it has to be read again after `expiresOn`. */
export interface DatedRow {
  readonly name: string
  readonly source: string
  readonly expiresOn: string
}

export interface Selector {
  /** As written, lists with commas: `eea, adequate:eu`. */
  readonly text: string
  /** Why a region is not selected, naming the selector; `undefined` if it is. */
  readonly whyNot: (region: Region) => string | undefined
  readonly rests: readonly DatedRow[]
}

export interface SelectorProblem {
  readonly path: SourcePath
  readonly message: string
  readonly suggestion?: string | undefined
}

type AtomResult = Selector | { readonly message: string; readonly suggestion?: string | undefined }

/**
 * Compiles a selector at `path`. Problems found are pushed; what is unknown then selects nothing.
 */
export function compileSelector(
  input: SelectorInput,
  path: SourcePath,
  vocabulary: Vocabulary,
  problems: SelectorProblem[],
): Selector {
  if (typeof input === 'string') {
    const atom = compileAtom(input, vocabulary)
    if ('whyNot' in atom) return atom
    problems.push({ path, ...atom })
    return { text: input, whyNot: region => notIn(region, input), rests: [] }
  }
  const list = (items: readonly SelectorInput[], at: SourcePath): Selector[] =>
    items.map((item, index) => compileSelector(item, [...at, index], vocabulary, problems))
  if (isList(input)) return anyOf(list(input, path))
  const { any, all, except } = input
  // Without this, {} would permit everything.
  if (!any && !all && !except) {
    problems.push({ path, message: 'a selector without any, all or except selects nothing' })
  }
  return combine(
    any ? anyOf(list(any, [...path, 'any'])) : undefined,
    all ? list(all, [...path, 'all']) : [],
    except ? list(except, [...path, 'except']) : [],
  )
}

const isList = (input: SelectorInput): input is readonly SelectorInput[] => Array.isArray(input)

function anyOf(items: readonly Selector[]): Selector {
  const text = items.map(item => item.text).join(', ')
  return {
    text,
    rests: items.flatMap(({ rests }) => rests),
    whyNot: region => {
      const reasons = items.map(({ whyNot }) => whyNot(region))
      if (reasons.includes(undefined)) return undefined
      return reasons.length === 1 ? reasons[0] : `${label(region)} is in none of ${text}`
    },
  }
}

function combine(
  any: Selector | undefined,
  all: readonly Selector[],
  except: readonly Selector[],
): Selector {
  const required = any ? [any, ...all] : all
  const exception = except.map(({ text }) => text).join(', ')
  const parts = [
    any ? `any of ${any.text}` : '',
    all.map(({ text }) => text).join(' and '),
    exception && `except ${exception}`,
  ]
  return {
    text: parts.filter(part => part !== '').join(', '),
    rests: [...required, ...except].flatMap(({ rests }) => rests),
    whyNot: region => {
      const missing = required.map(({ whyNot }) => whyNot(region)).find(reason => reason)
      if (missing !== undefined) return missing
      const hit = except.find(({ whyNot }) => whyNot(region) === undefined)
      return hit && `${label(region)} is in ${hit.text}, which is excepted`
    },
  }
}

function compileAtom(text: string, vocabulary: Vocabulary): AtomResult {
  const colon = text.indexOf(':')
  if (colon < 0) return compileName(text, vocabulary)
  const kind = text.slice(0, colon)
  const value = text.slice(colon + 1)
  switch (kind) {
    case 'country':
      return countryProblem(kind, value) ?? simple(text, ({ country }) => country === value)
    case 'operator':
      return (
        countryProblem(kind, value) ??
        simple(text, ({ operatorCountry }) => operatorCountry === value)
      )
    case 'subdivision':
      return subdivisionProblem(value) ?? simple(text, ({ subdivision }) => subdivision === value)
    case 'provider':
      return (
        wordProblem(kind, value, vocabulary.providers) ??
        simple(text, ({ provider }) => provider === value)
      )
    case 'tag':
      return (
        wordProblem(kind, value, vocabulary.tags) ??
        simple(text, ({ tags }) => tags?.includes(value) ?? false)
      )
    case 'adequate':
      return compileAdequate(text, value)
    default: {
      const kinds = ['country:', 'subdivision:', 'provider:', 'operator:', 'tag:', 'adequate:']
      const message = `there is no selector "${kind}:"`
      return { message, suggestion: didYouMean(`${kind}:`, kinds) }
    }
  }
}

function compileName(text: string, { regions, otherRegionIds }: Vocabulary): AtomResult {
  if (regions.some(({ id }) => id === text)) {
    const whyNot = (region: Region) =>
      region.id === text ? undefined : `${label(region)} is not ${text}`
    return { text, whyNot, rests: [] }
  }
  const row = findJurisdiction(text)
  const countries = jurisdictionCountries(text)
  if (row && countries) {
    const rests = [{ ...row, name: `jurisdiction ${text}` }]
    return simple(text, ({ country }) => countries.has(country), rests)
  }
  if (otherRegionIds.includes(text)) {
    const message = `region ${text} is not in this cluster`
    return { message, suggestion: 'add it to `regions`' }
  }
  const known = [...regions.map(({ id }) => id), ...knownJurisdictions()]
  const country = countryCodes.has(text) ? `did you mean "country:${text}"?` : undefined
  return {
    message: `"${text}" is neither a region of the cluster nor a jurisdiction`,
    suggestion: country ?? didYouMean(text, known),
  }
}

function compileAdequate(text: string, value: string): AtomResult {
  const [exporter = '', ...conditions] = value.split('+')
  const decisions = exporterDecisions(exporter)
  if (!decisions) {
    const message = `no adequacy decisions of "${exporter}" are recorded`
    return { message, suggestion: didYouMean(exporter, knownExporters()) }
  }
  const known = knownConditions(exporter)
  const unknown = conditions.find(condition => !known.includes(condition))
  const countries = adequateCountries(exporter, conditions)
  if (unknown !== undefined || !countries) {
    const message = `no adequacy decision of ${exporter} has the condition "${unknown}"`
    return { message, suggestion: didYouMean(unknown ?? '', known) }
  }
  const used = decisions.filter(
    ({ condition }) => condition === undefined || conditions.includes(condition.name),
  )
  const rests = used.map(({ country, condition, source, expiresOn, lapsesOn }) => ({
    name: condition
      ? `adequacy of ${country} for ${exporter} (${condition.name})`
      : `adequacy for ${exporter}`,
    source,
    expiresOn: lapsesOn !== undefined && lapsesOn < expiresOn ? lapsesOn : expiresOn,
  }))
  return simple(text, ({ country }) => countries.has(country), rests)
}

const simple = (
  text: string,
  matches: (region: Region) => boolean,
  rests: readonly DatedRow[] = [],
): Selector => ({
  text,
  whyNot: region => (matches(region) ? undefined : notIn(region, text)),
  rests,
})

function countryProblem(kind: string, value: string): AtomResult | undefined {
  if (countryCodes.has(value)) return undefined
  const message = `"${value}" is no ISO 3166-1 country code`
  const upper = value.trim().toUpperCase()
  const mistaken = mistakenCountries[upper]
  if (mistaken !== undefined && kind === 'country') {
    return { message, suggestion: `did you mean "${mistaken}"?` }
  }
  const suggestion = countryCodes.has(upper) ? `did you mean "${kind}:${upper}"?` : undefined
  return { message, suggestion: suggestion ?? `write two capital letters, such as ${kind}:DE` }
}

function subdivisionProblem(value: string): AtomResult | undefined {
  if (/^[A-Z]{2}-[A-Z0-9]{1,3}$/.test(value) && countryCodes.has(value.slice(0, 2))) {
    return undefined
  }
  const message = `"${value}" is no ISO 3166-2 subdivision code`
  return { message, suggestion: 'write it as in subdivision:CA-QC' }
}

function wordProblem(
  kind: 'provider' | 'tag',
  value: string,
  known: ReadonlySet<string>,
): AtomResult | undefined {
  if (known.has(value)) return undefined
  return {
    message: `no region has the ${kind} "${value}"`,
    suggestion: didYouMean(value, [...known].sort()),
  }
}

/** How texts name a region: `eu-west (IE)`. */
export const label = ({ id, country }: Pick<Region, 'id' | 'country'>): string =>
  `${id} (${country})`

const notIn = (region: Region, text: string): string => `${label(region)} is not in ${text}`
