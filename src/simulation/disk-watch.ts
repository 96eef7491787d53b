/**
 * Looks at the disks of all regions when a write is acknowledged, and again whenever a process
 * ends: how many of them have what was acknowledged, or a later write of the key. It writes down
 * where they are fewer than the reply has said; a checker judges that.
 */

import type { RegionId } from '../model/slot.ts'
import { compareVersions, formatVersion, parseVersion, type Version } from '../model/version.ts'
import { claimedHead } from '../storage/record.ts'
import { rowKeys } from '../storage/rows.ts'
import type * as history from './history.ts'
import type { Machine } from './machine.ts'
import type { Shortfall } from './observations.ts'
import type { VirtualTime } from './virtual-time.ts'
import type { Watcher } from './watcher.ts'

export interface DiskWatchOptions {
  readonly time: VirtualTime
  readonly watcher: Watcher
  readonly machines: ReadonlyMap<RegionId, Machine>
}

/** What was acknowledged of one key: the newest version of each level. */
interface Owed {
  readonly dataset: string
  readonly key: string
  readonly rowKey: Uint8Array
  readonly versions: Map<number, Version>
}

export class DiskWatch {
  readonly shortfalls: Shortfall[] = []
  readonly #options: DiskWatchOptions
  readonly #owed = new Map<string, Owed>()
  /** Shortfalls that were written down, once for each version and level. */
  readonly #known = new Set<string>()

  constructor(options: DiskWatchOptions) {
    this.#options = options
  }

  /** A region has just answered a client. */
  acknowledged(dataset: string, operation: history.Operation, result: history.Result): void {
    for (const { key, version, acks } of writtenBy(operation, result)) {
      const name = `${dataset} ${key}`
      const owed = this.#owed.get(name) ?? {
        ...{ dataset, key, rowKey: rowKeys.record(key), versions: new Map() },
      }
      this.#owed.set(name, owed)
      const before = owed.versions.get(acks)
      if (!before || compareVersions(before, version) < 0) owed.versions.set(acks, version)
      this.#look(owed, acks, version, 'it was acknowledged')
    }
  }

  /** A process has ended, and its machine has lost what was not synced. */
  crashed(region: RegionId): void {
    for (const owed of this.#owed.values()) {
      for (const [acks, version] of owed.versions) this.#look(owed, acks, version, `${region} died`)
    }
  }

  #look(owed: Owed, acks: number, version: Version, when: string): void {
    const { machines, watcher, time } = this.#options
    const { dataset, key } = owed
    const holders: RegionId[] = []
    for (const [region, machine] of machines) {
      if (this.#holds(region, machine, owed, version)) holders.push(region)
      if (holders.length >= acks) return
    }
    const text = formatVersion(version)
    const name = `${dataset} ${key} ${text} ${acks}`
    if (this.#known.has(name)) return
    this.#known.add(name)
    const epoch = Math.max(...watcher.epochs)
    const what = { dataset, key, version: text, acks, holders }
    this.shortfalls.push({ ...what, when, atMs: time.nowMs, epoch })
  }

  /** What was taken away, or rots, behind its back counts: it had been there. */
  #holds(region: RegionId, machine: Machine, { dataset, key, rowKey }: Owed, least: Version) {
    if (this.#options.watcher.hasLost(region, dataset, key)) return true
    for (const directory of machine.directoriesOf(dataset)) {
      const bytes = machine.row(directory, rowKey)
      const head = bytes && claimedHead(bytes)
      if (head) return compareVersions(head.version, least) >= 0
    }
    return false
  }
}

interface Written {
  readonly key: string
  readonly version: Version
  readonly acks: number
}

/** With the number of regions that have it, as the reply says. */
function writtenBy(operation: history.Operation, result: history.Result): Written[] {
  if (operation.kind === 'get') return []
  const { acks = 1 } = operation
  if (operation.kind === 'tx') {
    if (result.kind !== 'transacted') return []
    const branch = result.succeeded ? operation.success : operation.failure
    return branch.flatMap(({ key }, n) => written(key, result.results[n], acks))
  }
  const { key } = operation
  if (result.kind === 'error') {
    // In fewer regions than were asked for, in time: the home's is one.
    return result.applied === 'yes' ? written(key, result, 1) : []
  }
  return result.kind === 'transacted' ? [] : written(key, result, acks)
}

function written(key: string, result: object | undefined, acks: number): Written[] {
  const told = result as { readonly kind: string; readonly version?: string } | undefined
  if (told?.version === undefined || told.kind === 'found') return []
  const version = parseVersion(told.version)
  return version ? [{ key, version, acks }] : []
}
