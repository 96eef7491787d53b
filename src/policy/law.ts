/** Checks a residency against the rule packs that it claims to satisfy. Not legal advice. */
import type { Region } from '../model/region.ts'
import type { CompileContext } from './context.ts'
import type { SourcePath } from './diagnostic.ts'
import { exporterDecisions, jurisdictionCountries, knownConditions } from './jurisdictions.ts'
import type { Residency } from './residency.ts'
import type { Right } from './right.ts'
import { type EveryRule, type RulePack, rulePacks } from './rule-packs.ts'
import { compileSelector, label } from './selector.ts'

interface Claim {
  readonly packId: string
  readonly pack: RulePack
  /** `cities` or `tenants/eu/`. */
  readonly id: string
  readonly residency: Residency
  /** Where the claim is written. */
  readonly path: SourcePath
}

export function checkLaws(id: string, residency: Residency, context: CompileContext): void {
  residency.law.forEach((packId, index) => {
    const pack = rulePacks[packId]
    const path = [...residency.path, 'law', index]
    const claim: Claim = { packId, pack, id, residency, path }
    context.checkDate({ name: `rule pack ${packId}`, ...pack }, path)
    for (const rule of pack.rules) {
      if (rule.kind === 'every') checkEvery(rule, claim, context)
      else {
        const message = `${packId} ${rule.text} (${rule.article})`
        context.report('note', 'law_note', path, message, cite(pack))
      }
    }
    checkOperators(claim, context)
  })
}

function checkEvery(rule: EveryRule, claim: Claim, context: CompileContext): void {
  const { id, residency, path, packId, pack } = claim
  const offending = outsideOf(rule, residency, context)
  const basis = `(${packId}: ${rule.article})`
  if (rule.outcome === 'transfer') {
    if (offending.length === 0) return
    const list = offending.map(label).join(', ')
    const message = `access to ${id} from ${list}: ${rule.reason} ${basis}`
    context.warn('law_transfer', path, message, cite(pack))
    return
  }
  for (const region of offending) {
    const does = verbs(region, rule.rights, residency)
    const condition = conditionFor(region, rule)
    if (condition === undefined) {
      const message = `${label(region)} ${does} ${id}: ${rule.reason} ${basis}`
      context.error('law_violated', path, message, cite(pack))
    } else {
      const message = `${label(region)} ${does} ${id}: permitted only if the ${condition} ${basis}`
      context.warn('law_conditional', path, message, cite(pack))
    }
  }
}

/** Regions with one of the rule's rights that none of its selectors selects. */
function outsideOf(rule: EveryRule, residency: Residency, context: CompileContext): Region[] {
  // A pack speaks of jurisdictions and countries only: nothing in it can be unknown.
  const selector = compileSelector(rule.within, [], context.vocabulary, [])
  const concerned = new Set(rule.rights.flatMap(right => residency.regions[right]))
  return [...concerned].filter(region => selector.whyNot(region) !== undefined)
}

/** The condition of an adequacy decision that would permit the region; it can't be checked here. */
function conditionFor({ country }: Region, { conditional }: EveryRule): string | undefined {
  if (conditional === undefined || knownConditions(conditional).length === 0) return undefined
  const decision = exporterDecisions(conditional)?.find(row => row.country === country)
  return decision?.condition?.text
}

function verbs(region: Region, rights: readonly Right[], { regions }: Residency): string {
  const words = { home: 'homes', store: 'stores', serve: 'serves' }
  const has = rights.filter(right => regions[right].includes(region))
  const access = has.length === 1 && has[0] === 'serve' ? ' (access from there)' : ''
  return `${has.map(right => words[right]).join(' and ')}${access}`
}

/** Whoever controls an operator can be ordered to hand over what it holds, wherever it holds it. */
function checkOperators({ pack, packId, id, residency, path }: Claim, context: CompileContext) {
  if (!pack.operatorsFrom) return
  const within = new Set(
    pack.operatorsFrom.flatMap(name => [...(jurisdictionCountries(name) ?? [])]),
  )
  const foreign = residency.regions.store.filter(
    ({ country, operatorCountry }) => operatorCountry !== country && !within.has(operatorCountry),
  )
  for (const operatorCountry of new Set(foreign.map(region => region.operatorCountry))) {
    const ids = foreign.filter(region => region.operatorCountry === operatorCountry).map(label)
    const law = operatorCountry === 'US' ? ', for example the CLOUD Act (18 U.S.C. 2713)' : ''
    const message = `the copy of ${id} (${packId}) in ${ids.join(', ')} is with an operator controlled from ${operatorCountry}, whose law may reach it${law}`
    const advice = `if that matters: except: [operator:${operatorCountry}]`
    context.warn('foreign_operator', path, message, advice)
  }
}

const cite = ({ source, checkedOn, notice }: RulePack): string =>
  `see ${source} (checked on ${checkedOn}; ${notice})`
