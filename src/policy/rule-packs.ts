/**
 * Rule packs: what a law asks about places, as dated data. Not legal advice.
 *
 * A pack says nothing about purposes, consent or contracts: only which regions may home, store and
 * answer. Its sets of countries are written in the selectors of the policy language, so that a pack
 * and a policy can't mean different things by `eea`. A pack that is past `expiresOn` blocks policy
 * checks until somebody has read its source again; it never stops a node that restarts.
 */
import type { Right } from './right.ts'

/** `every`: each region with one of these rights must be selected; else the outcome. */
export interface EveryRule {
  readonly kind: 'every'
  readonly rights: readonly Right[]
  readonly within: readonly string[]
  /** Exporter whose conditional adequacy decisions turn a violation into a warning. */
  readonly conditional?: 'eu' | 'uk'
  readonly outcome: 'violation' | 'transfer'
  readonly article: string
  /** Follows "REGION stores DATASET: ", and says why that is a violation or what it needs. */
  readonly reason: string
}

/** A fact about the law that whoever claims it should know. */
export interface NoteRule {
  readonly kind: 'note'
  readonly article: string
  readonly text: string
}

export interface RulePack {
  readonly notice: 'not legal advice'
  readonly law: string
  readonly article: string
  /** Public page with the primary text. */
  readonly source: string
  /** ISO 8601 dates, inclusive. */
  readonly checkedOn: string
  readonly expiresOn: string
  readonly rules: readonly (EveryRule | NoteRule)[]
  /**
   * Countries (as jurisdictions) whose control over an operator is in the law's own reach; control
   * from elsewhere is worth a warning. Absent: who controls the operator is no matter.
   */
  readonly operatorsFrom?: readonly string[]
}

const dated = {
  notice: 'not legal advice',
  checkedOn: '2026-11-22',
  expiresOn: '2027-11-22',
} as const

/** Answering is access, and access from another country is a transfer: both rights count. */
const storeAndServe: readonly Right[] = ['store', 'serve']

/** 48 U.S.C.: American Samoa, Guam, Northern Mariana Islands, Puerto Rico, Virgin Islands. */
const usTerritories = ['country:AS', 'country:GU', 'country:MP', 'country:PR', 'country:VI']

const packs = {
  gdpr: {
    ...dated,
    law: 'Regulation (EU) 2016/679 (GDPR)',
    article: 'Ch. V, Art. 44-46',
    source: 'https://eur-lex.europa.eu/eli/reg/2016/679/oj',
    operatorsFrom: ['eea'],
    rules: [
      {
        kind: 'every',
        rights: storeAndServe,
        within: ['eea', 'adequate:eu'],
        conditional: 'eu',
        outcome: 'violation',
        article: 'Ch. V, Art. 44-46',
        reason: 'it is neither in the EEA nor adequate (Art. 45)',
      },
    ],
  },
  'uk-gdpr': {
    ...dated,
    law: 'UK GDPR, as amended by the Data (Use and Access) Act 2025',
    article: 'Ch. V, Art. 44A-46',
    source: 'https://www.legislation.gov.uk/eur/2016/679/chapter/V',
    operatorsFrom: ['uk'],
    rules: [
      {
        kind: 'every',
        rights: storeAndServe,
        within: ['uk', 'adequate:uk'],
        conditional: 'uk',
        outcome: 'violation',
        article: 'Ch. V, Art. 44A-46',
        reason: 'it is neither in the UK nor approved by its regulations',
      },
    ],
  },
  'ru-localisation': {
    ...dated,
    law: 'Federal Law 152-FZ, as amended by 23-FZ of 2025',
    article: 'Art. 18(5)',
    source: 'https://pravo.gov.ru/proxy/ips/?docbody=&nd=102108261',
    operatorsFrom: ['ru'],
    rules: [
      {
        kind: 'every',
        rights: ['home'],
        within: ['ru'],
        outcome: 'violation',
        article: 'Art. 18(5)',
        reason: 'what is collected from citizens may be recorded and changed in Russia only',
      },
      {
        kind: 'every',
        rights: storeAndServe,
        within: ['ru'],
        outcome: 'transfer',
        article: 'Art. 12',
        reason: 'a transfer across the border, to be notified first',
      },
    ],
  },
  'cn-pipl': {
    ...dated,
    law: 'Personal Information Protection Law (PIPL); Cybersecurity Law',
    article: 'PIPL Art. 40',
    source: 'https://www.cac.gov.cn/2021-08/20/c_1631050028355286.htm',
    operatorsFrom: ['cn'],
    rules: [
      {
        kind: 'every',
        rights: ['home'],
        within: ['cn'],
        outcome: 'violation',
        article: 'PIPL Art. 40',
        reason:
          'critical operators, and others above the thresholds, must keep in China what they collect there',
      },
      {
        kind: 'every',
        rights: storeAndServe,
        within: ['cn'],
        outcome: 'transfer',
        article: 'PIPL Art. 38-39',
        reason:
          'a provision abroad, which needs an assessment, a certification or the standard contract',
      },
    ],
  },
  'us-cjis': {
    ...dated,
    law: 'FBI CJIS Security Policy',
    article: 'SC-28 (5.10.1.5 before version 6.0)',
    source: 'https://le.fbi.gov/cjis-division/cjis-security-policy-resource-center',
    operatorsFrom: ['us', 'ca'],
    rules: [
      {
        kind: 'every',
        rights: storeAndServe,
        within: ['us', 'ca', ...usTerritories],
        outcome: 'violation',
        article: 'SC-28',
        reason: 'it is in no member country of the Advisory Policy Board (US, Canada)',
      },
    ],
  },
  'jp-appi': {
    ...dated,
    law: 'Act on the Protection of Personal Information (Act 57 of 2003)',
    article: 'Art. 28',
    source: 'https://www.ppc.go.jp/en/legal/',
    operatorsFrom: ['jp'],
    rules: [
      {
        kind: 'every',
        rights: storeAndServe,
        within: ['jp', 'eea', 'uk'],
        outcome: 'violation',
        article: 'Art. 28',
        reason:
          'it is not recognised as equivalent (the EEA and the UK are), so that consent or equivalent measures are needed, which can not be checked here',
      },
    ],
  },
  'ca-ccpa': {
    ...dated,
    law: 'California Consumer Privacy Act',
    article: 'Cal. Civ. Code § 1798.100 ff.',
    source:
      'https://leginfo.legislature.ca.gov/faces/codes_displayText.xhtml?division=3.&part=4.&lawCode=CIV&title=1.81.5',
    rules: [
      {
        kind: 'note',
        article: 'Cal. Civ. Code § 1798.100 ff.',
        text: 'imposes no location: it is about use, sale and deletion, so nothing is checked',
      },
    ],
  },
} as const satisfies Record<string, RulePack>

export type RulePackId = keyof typeof packs

export const rulePacks: Readonly<Record<RulePackId, RulePack>> = packs

export const rulePackIds = [
  'gdpr',
  'uk-gdpr',
  'ru-localisation',
  'cn-pipl',
  'us-cjis',
  'jp-appi',
  'ca-ccpa',
] as const satisfies readonly RulePackId[]
