/** Damages one record in one copy, where every other copy still has the very same. */
import { compareBytes } from '../model/bytes.ts'
import type { Placement } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import type { Row } from '../storage/engine.ts'
import { isTombstone } from '../storage/record.ts'
import { tableRange } from '../storage/rows.ts'
import type { Machine } from './machine.ts'
import type { SeededRandom } from './seeded-random.ts'

export function rotOne(
  { id, data }: Placement,
  region: RegionId,
  machineOf: (region: RegionId) => Machine,
  random: SeededRandom,
): void {
  const machine = machineOf(region)
  const directories = machine.directories().filter(directory => directory.startsWith(`${id} `))
  if (directories.length === 0) return
  const directory = random.pick(directories)
  const others = data.store.filter(other => other !== region).map(machineOf)
  const isShared = ({ key, value }: Row): boolean =>
    others.every(other => {
      const held = other.row(directory, key)
      return held !== undefined && compareBytes(held, value) === 0
    })
  // Whoever overwrites what is damaged can't be told whether it was a value: here it was one.
  const shared = [...machine.rows(directory, tableRange('record'))].filter(
    row => !isTombstone(row.value) && isShared(row),
  )
  if (shared.length > 0) machine.stores.rot(directory, random.pick(shared).key)
}
