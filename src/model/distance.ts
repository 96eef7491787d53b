/**
 * How far regions are from each other, and what that costs in time. Pure geometry: estimates until
 * probes have measured, and the latency that a world on one machine emulates.
 */
import type { Coordinates } from './region.ts'

/** Mean radius of the earth (IUGG R1). */
const earthRadiusKm = 6371.0088

/**
 * Light in fibre covers 100 km and back in 1 ms (refractive index about 1.47), but cables are
 * longer than the great circle (Bozkurt et al., "Why Is the Internet so Slow?!", PAM 2017). Real
 * paths take 1.5 to 2 times that; between cloud regions, on the providers' own backbones, 1.5.
 */
const rttMsPer100Km = 1.5

/** Both ends' metro fibre, routers and hosts. */
const rttFixedMs = 5

/**
 * Between Europe and East Asia or Oceania the great circle crosses Siberia, where little transit
 * flows: traffic follows the submarine cables through Suez (TeleGeography, Submarine Cable Map).
 */
const suez: Coordinates = { latitude: 29.97, longitude: 32.55 }

const isEurope = ({ latitude, longitude }: Coordinates): boolean =>
  latitude > 34 && longitude > -30 && longitude < 33

const isEastOfIndus = ({ longitude }: Coordinates): boolean => longitude > 66

const radians = (degrees: number): number => (degrees * Math.PI) / 180

/** Great-circle distance in km by the haversine formula (Sinnott, 1984): 0.5 % at worst. */
export const distanceKm = (a: Coordinates, b: Coordinates): number => {
  const latitude = Math.sin(radians(b.latitude - a.latitude) / 2) ** 2
  const longitude = Math.sin(radians(b.longitude - a.longitude) / 2) ** 2
  const haversine =
    latitude + Math.cos(radians(a.latitude)) * Math.cos(radians(b.latitude)) * longitude
  // Rounding can push antipodes past 1, where asin is NaN.
  return 2 * earthRadiusKm * Math.asin(Math.sqrt(Math.min(1, haversine)))
}

const cableKm = (a: Coordinates, b: Coordinates): number =>
  (isEurope(a) && isEastOfIndus(b)) || (isEurope(b) && isEastOfIndus(a))
    ? distanceKm(a, suez) + distanceKm(suez, b)
    : distanceKm(a, b)

/** Estimated round trip in ms between two datacenters, the same in both directions. */
export const estimateRttMs = (a: Coordinates, b: Coordinates): number =>
  rttFixedMs + (cableKm(a, b) * rttMsPer100Km) / 100

/**
 * A new array of the regions, nearest to `from` first; equal distances are ordered by id, so that
 * every node computes the same order.
 */
export const nearestRegions = <
  T extends { readonly id: string; readonly coordinates: Coordinates },
>(
  from: Coordinates,
  regions: readonly T[],
): T[] =>
  regions
    .map(region => ({ region, km: distanceKm(from, region.coordinates) }))
    .sort((a, b) => a.km - b.km || (a.region.id < b.region.id ? -1 : 1))
    .map(({ region }) => region)
