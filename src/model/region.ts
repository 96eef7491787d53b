/**
 * A region is a datacenter: where it is, who runs it, and who controls who runs it.
 *
 * One YAML file under `regions/` per region, its name the region's id. Residency rules select
 * regions by these fields (`country:DE`, `operator:US`, `tag:x`), so a wrong value here is a copy
 * in a wrong place: the object is strict, and every field that law may look at is required.
 *
 * `country` and `operatorCountry` answer different questions. A datacenter in Frankfurt run by a
 * company that is controlled from the United States has country DE and operatorCountry US.
 *
 * JSON Schema for editors is generated from this schema; the descriptions are what they show.
 */
import { z } from 'zod'

const countryCode = z.string().regex(/^[A-Z]{2}$/, {
  error: 'must be an ISO 3166-1 alpha-2 code such as "IE", in quotes',
})

/** A DNS label, in lower case. `r` is reserved for the names `<region>.r.<zone>`. */
export const regionIdSchema = z
  .string()
  .regex(/^(?!r$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, {
    error: 'must be a DNS label: 1-63 of a-z, 0-9 and inner hyphens, and not the reserved "r"',
  })
  .describe('Id of the region: a DNS label in lower case, equal to the file name; "r" is reserved')

/** A point on the globe in decimal degrees, WGS 84. */
export const coordinatesSchema = z
  .strictObject({
    latitude: z.number().min(-90).max(90).describe('Degrees north of the equator, -90 to 90'),
    longitude: z.number().min(-180).max(180).describe('Degrees east of Greenwich, -180 to 180'),
  })
  .describe('Where the datacenter stands, in decimal degrees; latency is estimated from it')

/** One region file. A subdivision that lies in another country than `country` is refused. */
export const regionSchema = z
  .strictObject({
    id: regionIdSchema,
    name: z.string().min(1).max(100).describe('Name for people, for example "Ireland (Dublin)"'),
    country: countryCode.describe(
      'Country whose territory this is: ISO 3166-1 alpha-2, in quotes ("NO" without is false)',
    ),
    subdivision: z
      .string()
      .regex(/^[A-Z]{2}-[A-Z0-9]{1,3}$/, {
        error: 'must be an ISO 3166-2 code such as "US-VA"',
      })
      .describe('State or province where law needs it: ISO 3166-2, for example "CA-QC"')
      .optional(),
    coordinates: coordinatesSchema,
    provider: z
      .string()
      .regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, {
        error: 'must be 1-63 of a-z, 0-9 and inner hyphens, for example "aws"',
      })
      .describe('Cloud or hosting provider, selected by provider:x, for example "aws"'),
    operator: z.string().min(1).max(100).describe('Company that operates the datacenter'),
    operatorCountry: countryCode.describe(
      'Country that controls the operator, selected by operator:XX: ISO 3166-1 alpha-2, in quotes',
    ),
    providerRegion: z
      .string()
      .min(1)
      .max(100)
      .describe('The provider\'s own id of this region, for example "eu-west-1"'),
    source: z
      .url({ protocol: /^https$/ })
      .describe('Public https page of the provider that documents this region'),
    tags: z
      .array(
        z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, {
          error: 'must be 1-63 of a-z, 0-9 and inner hyphens',
        }),
      )
      .max(32)
      .describe('Your own labels, selected by tag:x')
      .optional(),
  })
  .refine(region => region.subdivision?.startsWith(`${region.country}-`) ?? true, {
    path: ['subdivision'],
    error: 'must belong to the country of the region',
  })
  .describe('A region: one datacenter in which Denizen may run')

export type Coordinates = z.infer<typeof coordinatesSchema>
export type Region = z.infer<typeof regionSchema>
