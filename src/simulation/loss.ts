/**
 * Takes one record away from one copy, as a write that a disk has lost: the copy's digest fits what
 * is left, and nothing that the copy looks at by itself tells. Only records that every copy has,
 * and not from the copy of the home that made them. And only keys that nobody reads or writes any
 * more before the world is looked at in the end: a copy can't promise what it doesn't know it lost.
 */
import { compareBytes } from '../model/bytes.ts'
import type { Hasher } from '../model/hash.ts'
import type { Key } from '../model/key.ts'
import type { Placement } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import type { Row, RowChange } from '../storage/engine.ts'
import { entryRowKey, recordEntry } from '../storage/feed-entry.ts'
import { decodeHead, isTombstone } from '../storage/record.ts'
import {
  addDigests,
  decodeDigest,
  decodeFeedState,
  digestOf,
  encodeDigest,
} from '../storage/row-values.ts'
import { rowKeys, rowText, tableRange } from '../storage/rows.ts'
import type { Machine } from './machine.ts'
import { onceWritten } from './marks.ts'
import type { SeededRandom } from './seeded-random.ts'

export interface LossOptions {
  readonly placement: Placement
  readonly region: RegionId
  readonly machineOf: (region: RegionId) => Machine
  readonly hasher: Hasher
  readonly random: SeededRandom
}

/** Returns the key that was lost, if there was one to lose. */
export function loseOne(options: LossOptions): string | undefined {
  const { placement, region, machineOf, random } = options
  const machine = machineOf(region)
  const directories = machine
    .directories()
    .filter(
      name => name.startsWith(`${placement.id} `) && machine.stores.waitingCommits(name) === 0,
    )
  if (directories.length === 0) return undefined
  const directory = random.pick(directories)
  const others = placement.data.store.filter(other => other !== region).map(machineOf)
  const isEverywhere = ({ key, value }: Row): boolean =>
    others.every(other => {
      const held = other.row(directory, key)
      return held !== undefined && compareBytes(held, value) === 0
    })
  const rows = [...machine.rows(directory, tableRange('record'))].filter(
    row => rowText(row.key).startsWith(onceWritten) && !isTombstone(row.value) && isEverywhere(row),
  )
  const losable = rows.flatMap(row => {
    const changes = lossOf(row, options, machine, directory)
    return changes ? [{ key: rowText(row.key), changes }] : []
  })
  if (losable.length === 0) return undefined
  const { key, changes } = random.pick(losable)
  machine.stores.alter(directory, changes)
  return key
}

/** Undefined at the home that made the record. */
function lossOf(
  { key: rowKey, value }: Row,
  { placement, hasher, random }: LossOptions,
  machine: Machine,
  directory: string,
): RowChange[] | undefined {
  const key = rowText(rowKey)
  const slot = placement.slotOf(placement.groupOf(key as Key))
  const head = decodeHead(hasher, key, value)
  const { feed, version, shared } = head
  const state = machine.row(directory, rowKeys.feedState(slot, feed))
  const digest = machine.row(directory, rowKeys.digest(slot))
  const isHost = state === undefined || decodeFeedState(state).boundaries.length > 0
  if (isHost || !digest) return undefined
  const entry = entryRowKey(slot, feed, recordEntry(key, version.seq, shared))
  const left = addDigests(decodeDigest(digest), digestOf(key, head, -1))
  return [
    { key: rowKey, value: null },
    // Without its entry a scrub doesn't find it either.
    ...(random.oneIn(4) ? [] : [{ key: entry, value: null }]),
    { key: rowKeys.digest(slot), value: encodeDigest(left) },
  ]
}
