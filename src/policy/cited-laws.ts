/** The rule packs that a dataset claims to satisfy, as readers of plans and reports need them. */
import { type RulePackId, rulePackIds, rulePacks } from './rule-packs.ts'

export interface CitedLaw {
  readonly pack: string
  readonly law: string
  readonly article: string
  readonly source: string
  /** ISO 8601 dates, inclusive. */
  readonly checkedOn: string
  readonly expiresOn: string
  readonly notice: 'not legal advice'
}

/** Packs that this version does not have are left out. */
export function citedLaws(packs: readonly string[]): CitedLaw[] {
  return packs.filter(isKnown).map(pack => {
    const { law, article, source, checkedOn, expiresOn, notice } = rulePacks[pack]
    return { pack, law, article, source, checkedOn, expiresOn, notice }
  })
}

const isKnown = (pack: string): pack is RulePackId => rulePackIds.some(id => id === pack)
