/**
 * Adequacy decisions as dated data: not legal advice.
 *
 * A row says that the exporter's law lets personal data go to a country without further
 * safeguards. Decisions differ in reach. A row has a `condition` when the decision holds only for
 * recipients that must first qualify: by certification (`dpf`), or because only part of the private
 * sector falls under the recognised law (`commercial`). `adequate:<exporter>` leaves these out. A
 * `scope` narrows a decision by purpose or kind of data while an ordinary company that operates a
 * datacenter is covered: it doesn't restrict the selector, but it is shown with it.
 *
 * Decisions for international organisations and for law enforcement (Directive (EU) 2016/680) are
 * left out: they select no region.
 *
 * Past `expiresOn` a row has to be checked against its source again; `lapsesOn` is the end that
 * the decision itself sets.
 */
import { eeaCountries } from './jurisdictions.ts'

/** One decision of one exporter for one country. Dates are ISO 8601, inclusive. */
export type AdequacyDecision = {
  readonly notice: 'not legal advice'
  /** Jurisdiction whose data may leave: `eu` stands for the whole EEA. */
  readonly exporter: string
  /** ISO 3166-1 alpha-2. */
  readonly country: string
  /** Number or title of the decision. */
  readonly decision: string
  /** Public page with the primary text. */
  readonly source: string
  readonly checkedOn: string
  readonly expiresOn: string
  /** Present if the recipient has to qualify; written `adequate:eu+dpf`. */
  readonly condition?: { readonly name: string; readonly text: string }
  readonly scope?: string
  readonly lapsesOn?: string
}

const dated = {
  notice: 'not legal advice',
  checkedOn: '2026-11-22',
  expiresOn: '2027-11-22',
} as const

const celex = (number: string): string =>
  `https://eur-lex.europa.eu/legal-content/EN/TXT/?uri=CELEX:${number}`

const commercial = {
  name: 'commercial',
  text: 'recipient is a commercial organisation subject to the Canadian PIPEDA',
} as const

const dpf = (framework: string) =>
  ({ name: 'dpf', text: `recipient is certified under the ${framework}` }) as const

const eu = { ...dated, exporter: 'eu' } as const

/** The list: https://commission.europa.eu, "Adequacy decisions". */
const euDecisions: readonly AdequacyDecision[] = [
  { ...eu, country: 'AD', decision: '2010/625/EU', source: celex('32010D0625') },
  { ...eu, country: 'AR', decision: '2003/490/EC', source: celex('32003D0490') },
  {
    ...eu,
    country: 'BR',
    decision: '(EU) 2026/179',
    source: celex('32026D0179'),
    scope: 'not processing for public security, national defence or criminal investigation',
  },
  {
    ...eu,
    country: 'CA',
    decision: '2002/2/EC',
    source: celex('32002D0002'),
    condition: commercial,
  },
  { ...eu, country: 'CH', decision: '2000/518/EC', source: celex('32000D0518') },
  { ...eu, country: 'FO', decision: '2010/146/EU', source: celex('32010D0146') },
  {
    ...eu,
    country: 'GB',
    decision: '(EU) 2021/1772, renewed on 2025-12-19',
    source: celex('32021D1772'),
    lapsesOn: '2031-12-27',
  },
  { ...eu, country: 'GG', decision: '2003/821/EC', source: celex('32003D0821') },
  {
    ...eu,
    country: 'IL',
    decision: '2011/61/EU',
    source: celex('32011D0061'),
    scope: 'automated processing; the State of Israel as defined by international law',
  },
  { ...eu, country: 'IM', decision: '2004/411/EC', source: celex('32004D0411') },
  { ...eu, country: 'JE', decision: '2008/393/EC', source: celex('32008D0393') },
  {
    ...eu,
    country: 'JP',
    decision: '(EU) 2019/419',
    source: celex('32019D0419'),
    scope: 'business operators under the APPI with the Supplementary Rules, not public bodies',
  },
  {
    ...eu,
    country: 'KR',
    decision: '(EU) 2022/254',
    source: celex('32022D0254'),
    scope: 'not missionary activities, candidate nomination, or credit data under the FSC',
  },
  { ...eu, country: 'NZ', decision: '2013/65/EU', source: celex('32013D0065') },
  {
    ...eu,
    country: 'US',
    decision: '(EU) 2023/1795',
    source: celex('32023D1795'),
    // An appeal is pending (after General Court T-553/23): check twice as often.
    expiresOn: '2027-05-22',
    condition: dpf('EU-US Data Privacy Framework'),
  },
  { ...eu, country: 'UY', decision: '2012/484/EU', source: celex('32012D0484') },
]

const ukSchedule21 = {
  ...dated,
  exporter: 'uk',
  decision: 'Data Protection Act 2018, Schedule 21, paras 4-5',
  source: 'https://www.legislation.gov.uk/ukpga/2018/12/schedule/21',
} as const

const ukDecisions: readonly AdequacyDecision[] = [
  ...[...eeaCountries, 'AD', 'AR', 'CH', 'FO', 'GG', 'GI', 'IL', 'IM', 'JE', 'NZ', 'UY'].map(
    country => ({ ...ukSchedule21, country }),
  ),
  { ...ukSchedule21, country: 'CA', condition: commercial },
  {
    ...ukSchedule21,
    country: 'JP',
    scope: 'business operators under the APPI with the Supplementary Rules, not public bodies',
  },
  {
    ...dated,
    exporter: 'uk',
    country: 'KR',
    decision: 'SI 2022/1213',
    source: 'https://www.legislation.gov.uk/uksi/2022/1213/contents/made',
    scope: 'persons subject to the Korean PIPA',
  },
  {
    ...dated,
    exporter: 'uk',
    country: 'US',
    decision: 'SI 2023/1028',
    source: 'https://www.legislation.gov.uk/uksi/2023/1028/contents/made',
    expiresOn: '2027-05-22',
    condition: dpf('UK Extension to the EU-US Data Privacy Framework'),
  },
]

const chAnnex1 = {
  ...dated,
  exporter: 'ch',
  decision: 'Data Protection Ordinance (SR 235.11), Annex 1',
  source: 'https://www.fedlex.admin.ch/eli/cc/2022/568/en',
} as const

/** The Annex names neither Japan nor Korea. */
const chDecisions: readonly AdequacyDecision[] = [
  ...eeaCountries.map(country => ({ ...chAnnex1, country })),
  ...['AD', 'AR', 'FO', 'GB', 'GG', 'GI', 'IL', 'IM', 'JE', 'MC', 'NZ', 'UY'].map(country => ({
    ...chAnnex1,
    country,
  })),
  {
    ...chAnnex1,
    country: 'CA',
    condition: {
      name: 'commercial',
      text: 'recipient is private and subject to PIPEDA or a largely similar law of a province',
    },
  },
  {
    ...chAnnex1,
    country: 'US',
    expiresOn: '2027-05-22',
    condition: dpf('Swiss-US Data Privacy Framework'),
  },
]

export const adequacyDecisions: readonly AdequacyDecision[] = [
  ...euDecisions,
  ...ukDecisions,
  ...chDecisions,
]
