/** Keys that the server assigns: under a prefix that the caller names. */
import { DenizenError } from '../model/errors.ts'
import { serverAssignedSegment } from '../model/group.ts'
import type { IdempotencyKey } from '../model/idempotency.ts'
import { type Key, parseKey } from '../model/key.ts'
import type { PlacementTable } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import { idOf, type Random, randomId } from '../runtime/random.ts'
import { candidateHome, type Topology } from './decide.ts'
import type { Mac } from './session.ts'

export interface AssignedKeysOptions {
  readonly table: () => PlacementTable
  readonly topology: Topology
  readonly random: Random
  readonly sessionMac: Mac
}

/**
 * A new key under a prefix. If the prefix contains the group already, the key is an id at that
 * group's home; else its last segment names the home, so that nobody has to claim or ask.
 */
export function assignKey(
  { table, topology, random }: AssignedKeysOptions,
  dataset: string,
  prefix: string,
  hint: RegionId | undefined,
): Key {
  checkPrefix(prefix)
  const placement = table().locate(dataset, prefix)
  const id = randomId(random)
  const plain = parseKey(`${prefix}${id}`)
  const segments = placement.data.groupBySegments
  if (segments !== null && prefix.split('/').length > segments) return plain
  const group = placement.groupOf(plain)
  const region = candidateHome(hint ?? topology.self, placement, group, topology)
  if (region === undefined) {
    throw new DenizenError('home_unreachable', 'no region that may be a home is reachable')
  }
  return parseKey(`${prefix}${serverAssignedSegment(region, id)}`)
}

/**
 * The key of a creation that may be repeated: its id follows from the idempotency key, and under
 * the cluster's secret, so that nobody else can name it beforehand. Its home can't be a part of it,
 * as a repeat may enter elsewhere: the group is claimed as usual.
 */
export function deriveKey(
  { sessionMac }: AssignedKeysOptions,
  dataset: string,
  prefix: string,
  { principal, key }: IdempotencyKey,
): Key {
  checkPrefix(prefix)
  const mac = sessionMac(JSON.stringify(['create', dataset, prefix, principal, key]))
  return parseKey(`${prefix}${idOf(Uint8Array.fromBase64(mac, { alphabet: 'base64url' }))}`)
}

function checkPrefix(prefix: string): void {
  if (prefix === '' || prefix.endsWith('/')) return
  throw new DenizenError('bad_key', 'the prefix of a server-assigned key is empty or ends in "/"')
}
