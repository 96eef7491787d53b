/**
 * Jurisdictions as dated data: not legal advice.
 *
 * Each row is the set of countries in which one body of data law applies. Territories with an ISO
 * code of their own are not part of their parent's row (RE is not in `eu`, PR not in `us`, HK not
 * in `cn`): a selector then permits less than the law might, never more. A policy that forbids
 * names them as well (`country:PR`).
 *
 * Past `expiresOn` a row has to be checked against its source again.
 */

/** A set of countries under one body of data law. Dates are ISO 8601, inclusive. */
export type Jurisdiction = {
  readonly notice: 'not legal advice'
  readonly name: string
  readonly title: string
  /** ISO 3166-1 alpha-2 codes. */
  readonly countries: readonly string[]
  /** The law that gives the set its meaning. */
  readonly basis: string
  /** Public page with the primary text. */
  readonly source: string
  readonly checkedOn: string
  readonly expiresOn: string
}

const euCountries: readonly string[] = [
  ...['AT', 'BE', 'BG', 'HR', 'CY', 'CZ', 'DK', 'EE', 'FI', 'FR', 'DE', 'GR', 'HU', 'IE'],
  ...['IT', 'LV', 'LT', 'LU', 'MT', 'NL', 'PL', 'PT', 'RO', 'SK', 'SI', 'ES', 'SE'],
]

/** The EEA in full: also the countries that the UK and Switzerland recognise as a block. */
export const eeaCountries: readonly string[] = [...euCountries, 'IS', 'LI', 'NO']

const dated = {
  notice: 'not legal advice',
  checkedOn: '2026-11-22',
  expiresOn: '2027-11-22',
} as const

const blocs: readonly Jurisdiction[] = [
  {
    ...dated,
    name: 'eu',
    title: 'European Union (27 member states)',
    countries: euCountries,
    basis: 'Treaty on European Union, Art. 52; Regulation (EU) 2016/679 (GDPR)',
    source: 'https://eur-lex.europa.eu/legal-content/EN/TXT/?uri=CELEX:12016M052',
  },
  {
    ...dated,
    name: 'eea',
    title: 'European Economic Area (EU, Iceland, Liechtenstein, Norway)',
    countries: eeaCountries,
    basis: 'EEA Joint Committee Decision 154/2018, which takes the GDPR into the EEA Agreement',
    source: 'https://eur-lex.europa.eu/legal-content/EN/TXT/?uri=CELEX:22018D1022',
  },
]

/** name, country, title, basis, source */
const singleCountries: readonly (readonly [string, string, string, string, string])[] = [
  [
    'uk',
    'GB',
    'United Kingdom (without Crown Dependencies and Overseas Territories)',
    'UK GDPR; Data Protection Act 2018; Data (Use and Access) Act 2025',
    'https://www.legislation.gov.uk/ukpga/2018/12/contents',
  ],
  [
    'ch',
    'CH',
    'Switzerland',
    'Federal Act on Data Protection (SR 235.1)',
    'https://www.fedlex.admin.ch/eli/cc/2022/491/en',
  ],
  [
    'us',
    'US',
    'United States (states and the District of Columbia)',
    '18 U.S.C. 2713 (CLOUD Act) and the privacy laws of the states',
    'https://uscode.house.gov/view.xhtml?req=granuleid:USC-prelim-title18-section2713',
  ],
  [
    'ca',
    'CA',
    'Canada',
    'Personal Information Protection and Electronic Documents Act (PIPEDA)',
    'https://laws-lois.justice.gc.ca/eng/acts/P-8.6/',
  ],
  [
    'br',
    'BR',
    'Brazil',
    'Lei Geral de Proteção de Dados (Law 13.709/2018)',
    'https://www.planalto.gov.br/ccivil_03/_ato2015-2018/2018/lei/l13709.htm',
  ],
  [
    'cn',
    'CN',
    'China (mainland; Hong Kong, Macao and Taiwan have laws of their own)',
    'Personal Information Protection Law, Art. 38-40; Cybersecurity Law',
    'https://www.cac.gov.cn/2021-08/20/c_1631050028355286.htm',
  ],
  [
    'ru',
    'RU',
    'Russia',
    'Federal Law 152-FZ, Art. 18(5), as amended by 23-FZ of 2025',
    'https://pravo.gov.ru/proxy/ips/?docbody=&nd=102108261',
  ],
  [
    'in',
    'IN',
    'India',
    'Digital Personal Data Protection Act, 2023',
    'https://www.indiacode.nic.in/handle/123456789/22037',
  ],
  [
    'jp',
    'JP',
    'Japan',
    'Act on the Protection of Personal Information (Act 57 of 2003)',
    'https://www.ppc.go.jp/en/legal/',
  ],
  [
    'kr',
    'KR',
    'Republic of Korea',
    'Personal Information Protection Act',
    'https://www.pipc.go.kr/eng/',
  ],
  [
    'sg',
    'SG',
    'Singapore',
    'Personal Data Protection Act 2012',
    'https://sso.agc.gov.sg/Act/PDPA2012',
  ],
  [
    'id',
    'ID',
    'Indonesia',
    'Law 27/2022 on Personal Data Protection; Government Regulation 71/2019',
    'https://peraturan.bpk.go.id/Details/229798/uu-no-27-tahun-2022',
  ],
  [
    'au',
    'AU',
    'Australia',
    'Privacy Act 1988; My Health Records Act 2012, s. 77',
    'https://www.legislation.gov.au/C2004A03712/latest',
  ],
  [
    'nz',
    'NZ',
    'New Zealand',
    'Privacy Act 2020',
    'https://www.legislation.govt.nz/act/public/2020/0031/latest/whole.html',
  ],
  [
    'il',
    'IL',
    'Israel',
    'Protection of Privacy Law, 5741-1981',
    'https://www.gov.il/en/departments/the_privacy_protection_authority',
  ],
  [
    'ae',
    'AE',
    'United Arab Emirates (its free zones DIFC and ADGM have laws of their own)',
    'Federal Decree-Law 45/2021',
    'https://u.ae/en/about-the-uae/digital-uae/data/data-protection-laws',
  ],
  [
    'sa',
    'SA',
    'Saudi Arabia',
    'Personal Data Protection Law (Royal Decree M/19 of 2021)',
    'https://sdaia.gov.sa/en/SDAIA/about/Pages/RegulationsAndPolicies.aspx',
  ],
  [
    'tr',
    'TR',
    'Türkiye',
    'Personal Data Protection Law 6698',
    'https://www.kvkk.gov.tr/Icerik/6649/Personal-Data-Protection-Law',
  ],
  [
    'za',
    'ZA',
    'South Africa',
    'Protection of Personal Information Act 4 of 2013',
    'https://www.gov.za/documents/protection-personal-information-act',
  ],
]

export const jurisdictions: readonly Jurisdiction[] = [
  ...blocs,
  ...singleCountries.map(([name, country, title, basis, source]) => ({
    ...dated,
    name,
    title,
    countries: [country],
    basis,
    source,
  })),
]
