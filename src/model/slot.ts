/** Slots and the small identifiers that go with them. */
import { assert } from './assert.ts'
import type { Hasher } from './hash.ts'

/** A region's id in the policy, a DNS label: `eu-west`. */
export type RegionId = string
/** A region's number in coordination: 1 and up, never reused; the high half of feed numbers. */
export type RegionNumber = number

/** Region ids and their numbers, both ways. Throws on what coordination never handed out: a bug. */
export class RegionNumbers {
  readonly #ids = new Map<RegionNumber, RegionId>()
  readonly #numbers: ReadonlyMap<RegionId, RegionNumber>

  constructor(numbers: Readonly<Record<RegionId, RegionNumber>>) {
    this.#numbers = new Map(Object.entries(numbers))
    for (const [id, number] of this.#numbers) {
      assert(!this.#ids.has(number), 'region numbers are unique')
      this.#ids.set(number, id)
    }
  }

  idOf(number: RegionNumber): RegionId {
    const id = this.#ids.get(number)
    assert(id !== undefined, `region number ${number} is known`)
    return id
  }

  knows(number: RegionNumber): boolean {
    return this.#ids.has(number)
  }

  numberOf(id: RegionId): RegionNumber {
    const number = this.#numbers.get(id)
    assert(number !== undefined, `region ${id} has a number`)
    return number
  }
}

/** 0 ≤ slot < the dataset's slot count. */
export type Slot = number

/** The slot of a group: xxHash32 modulo the dataset's slot count. */
export const slotOf = (hasher: Hasher, group: string, slots: number): Slot =>
  hasher.h32(group) % slots
