/** `--home-by`: which region a record's group is to be homed in, from what the record says. */
import { InvalidArgumentError } from 'commander'
import { nearestRegions } from '../../model/distance.ts'
import type { Coordinates } from '../../model/region.ts'
import { countryPlaces } from './country-places.ts'

/** Paths into the value, member by member. */
type Path = readonly string[]

export type HomeBy =
  | { readonly kind: 'country'; readonly country: Path }
  | { readonly kind: 'coordinates'; readonly latitude: Path; readonly longitude: Path }

export interface HomingRegion {
  readonly id: string
  readonly country: string
  readonly coordinates: Coordinates
}

/** `country=address.country` or `lat=FIELD,lon=FIELD`. */
export function parseHomeBy(text: string): HomeBy {
  const parts = new Map(
    text.split(',').map(part => {
      const at = part.indexOf('=')
      return [
        part.slice(0, Math.max(0, at)).trim(),
        part
          .slice(at + 1)
          .trim()
          .split('.'),
      ]
    }),
  )
  const country = parts.get('country')
  if (country && parts.size === 1) return { kind: 'country', country }
  const latitude = parts.get('lat')
  const longitude = parts.get('lon')
  if (latitude && longitude && parts.size === 2) return { kind: 'coordinates', latitude, longitude }
  throw new InvalidArgumentError('Write country=FIELD, or lat=FIELD,lon=FIELD.')
}

/** What chooses the nearest of the regions for a value; undefined where the value says no place. */
export function homeChooser(
  homeBy: HomeBy,
  regions: readonly HomingRegion[],
): (value: unknown) => string | undefined {
  if (homeBy.kind === 'coordinates') {
    return value => {
      const latitude = numberAt(value, homeBy.latitude, 90)
      const longitude = numberAt(value, homeBy.longitude, 180)
      if (latitude === undefined || longitude === undefined) return undefined
      return nearestRegions({ latitude, longitude }, regions)[0]?.id
    }
  }
  const byCountry = new Map<string, string | undefined>()
  return value => {
    const text = memberAt(value, homeBy.country)
    if (typeof text !== 'string') return undefined
    const country = text.trim().toUpperCase()
    if (!byCountry.has(country)) byCountry.set(country, nearestTo(country, regions))
    return byCountry.get(country)
  }
}

/** Within the country if there is a region, else by the middle of the country. */
function nearestTo(country: string, regions: readonly HomingRegion[]): string | undefined {
  const place = countryPlaces.get(country)
  if (!place) return undefined
  const within = regions.filter(region => region.country === country)
  return nearestRegions(place, within.length > 0 ? within : regions)[0]?.id
}

function memberAt(value: unknown, path: Path): unknown {
  let member = value
  for (const name of path) {
    if (typeof member !== 'object' || member === null || !Object.hasOwn(member, name)) {
      return undefined
    }
    member = Reflect.get(member, name)
  }
  return member
}

function numberAt(value: unknown, path: Path, magnitudeMax: number): number | undefined {
  const member = memberAt(value, path)
  const number = typeof member === 'string' && member.trim() !== '' ? Number(member) : member
  return typeof number === 'number' && Math.abs(number) <= magnitudeMax ? number : undefined
}

/** Names of members that look like a place, as an option to type; undefined where none does. */
export function guessHomeBy(values: readonly unknown[]): string | undefined {
  const holds = (option: string): boolean => {
    const choose = homeChooser(parseHomeBy(option), [anywhere])
    return values.filter(value => choose(value) !== undefined).length > values.length / 2
  }
  return likelyOptions.find(holds)
}

const anywhere: HomingRegion = {
  id: 'anywhere',
  country: '',
  coordinates: { latitude: 0, longitude: 0 },
}

const likelyOptions = [
  'lat=lat,lon=lon',
  'lat=latitude,lon=longitude',
  'lat=lat,lon=lng',
  'country=country',
  'country=countryCode',
  'country=country_code',
  'country=address.country',
]
