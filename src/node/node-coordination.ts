/** A node's part in the coordination of its cluster. */
import { join } from 'node:path'
import { StaticCoordination } from '../coordination/static.ts'
import type { Hasher } from '../model/hash.ts'
import type { PolicyData } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import type { PeerLinks } from '../peers/links.ts'
import { systemClock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/log.ts'
import { nodeDisk } from '../runtime/node-disk.ts'
import { systemRandom } from '../runtime/random.ts'
import { build } from './build.ts'
import type { Identity } from './identity.ts'
import { PolicyChanges } from './policy-changes.ts'
import type { PeerAnswer } from './serving.ts'

export interface NodeCoordinationOptions {
  readonly region: RegionId
  readonly dataDirectory: string
  readonly advertise: string
  readonly othersStopped: boolean
  readonly lost: ReadonlySet<RegionId>
  readonly log: Logger
  readonly identity: Identity
  /** The compiled denizen.yaml. */
  readonly desired: PolicyData
  readonly hasher: Hasher
  readonly call: PeerLinks['call']
  /** How this node answers the keeper; undefined before it serves. */
  readonly answer: () => PeerAnswer | undefined
}

export function coordinate(options: NodeCoordinationOptions): {
  readonly coordination: StaticCoordination
  readonly changes: PolicyChanges
} {
  const { region: self, dataDirectory, advertise, othersStopped, lost, log } = options
  const { identity, desired, hasher, call, answer } = options
  const common = { self, clock: systemClock, log }
  const coordination = new StaticCoordination({
    ...{ ...common, hasher, desired, othersStopped, build },
    ...{ nodeId: identity.nodeId, url: advertise, disk: nodeDisk, random: systemRandom },
    restored: identity.isRecovering ? { lost } : undefined,
    path: join(dataDirectory, 'coordination.cbor'),
    call: (to, name, body) => call(to, name, body),
  })
  return { coordination, changes: new PolicyChanges({ ...common, coordination, call, answer }) }
}
