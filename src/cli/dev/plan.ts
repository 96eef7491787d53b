/** Which regions a world has, and where they listen. */
import type { PolicyData } from '../../model/placement.ts'
import { usageError } from '../exit-codes.ts'
import { isPortFree, portOwner } from './ports.ts'
import type { WorldRegion } from './world.ts'

/** What `denizen dev` adds to the port base for the first region's peers. */
const peerPortOffset = 100

/** A region's two ports. */
export interface PortPair {
  readonly port: number
  readonly peerPort: number
}

/** The ports of the n-th region that denizen.yaml lists: 7001 and 7101, 7002 and 7102, … */
export const portsFromBase = (portBase: number, index: number): PortPair => ({
  port: portBase + index + 1,
  peerPort: portBase + peerPortOffset + index + 1,
})

/** The regions of a policy in the order in which denizen.yaml lists them. */
export function planRegions(
  policy: PolicyData,
  portsOf: (index: number) => PortPair,
): readonly WorldRegion[] {
  return policy.regions.map(({ id, name, latitude, longitude }, index) => ({
    id,
    name,
    coordinates: { latitude, longitude },
    ...portsOf(index),
  }))
}

/** Throws `CliError` for the first port that another process has. */
export async function requireFreePorts(regions: readonly WorldRegion[]): Promise<void> {
  for (const port of regions.flatMap(region => [region.port, region.peerPort])) {
    if (await isPortFree(port)) continue
    const pid = portOwner(port)
    const owner = pid === undefined ? 'taken' : `taken by pid ${pid}`
    throw usageError(`Port ${port} is ${owner}; use --port-base`, 'For example: --port-base 17000')
  }
}
