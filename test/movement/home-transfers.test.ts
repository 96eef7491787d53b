/** Homes that a change of the policy takes from a region go away many at a time. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { limits } from '../../src/model/limits.ts'
import { PlacementTable } from '../../src/model/placement.ts'
import { HomeTransfers } from '../../src/movement/home-transfers.ts'
import { madeUpPolicy } from '../../src/simulation/made-up-policy.ts'
import { seededRandom } from '../../src/simulation/seeded-random.ts'
import { hasher } from '../support/policies.ts'

const SLOTS = 24

/** A region that homes so many groups of each slot, and may be home of none. */
function transfersOf(groupsPerSlot: number) {
  const { placements, ...policy } = madeUpPolicy(seededRandom(1))
  const [first] = placements
  assert.ok(first)
  const data = { ...first, slots: SLOTS, home: ['r2'], store: ['r1', 'r2'] }
  const table = new PlacementTable({ ...policy, placements: [data] }, 1, hasher)
  const placement = table.byId(data.id)
  assert.ok(placement)
  const left = new Map(Array.from({ length: SLOTS }, (_, slot) => [slot, groupsPerSlot]))
  const underWay: (() => void)[] = []
  const shards = {
    call: async (_: string, slot: number) => ({
      groups: Array.from({ length: left.get(slot) ?? 0 }, (_, n) => ({
        ...{ group: `s${slot}g${n}`, term: 1 },
      })),
      ...{ damaged: [], next: null },
    }),
    storeCount: () => 0,
  }
  const movements = {
    moveForPolicy: (_: unknown, group: string) =>
      new Promise<boolean>(resolve => {
        underWay.push(() => {
          const slot = Number(/\d+/.exec(group)?.[0])
          left.set(slot, (left.get(slot) ?? 0) - 1)
          resolve(true)
        })
      }),
    settle: async () => {},
  }
  const transfers = new HomeTransfers(
    {
      ...{ self: 'r1', shards: shards as never, claims: {} as never, movements },
      ...{ byNearness: ['r1', 'r2'], reachable: () => true, onDamaged: () => {} },
    },
    placement,
  )
  return { transfers, underWay }
}

const settled = async (): Promise<void> => {
  for (let n = 0; n < 50; n++) await undefined
}

test('groups of many slots move at a time, not one slot after the other', async () => {
  const { transfers, underWay } = transfersOf(1)
  const pass = transfers.pass()
  await settled()
  assert.ok(underWay.length > 8, `${underWay.length}`)
  let ended = 0
  while (ended < SLOTS) {
    for (const end of underWay.splice(0)) {
      ended += 1
      end()
    }
    await settled()
  }
  assert.is(await pass, SLOTS)
})

test('no more than are permitted at a time, however many there are', async () => {
  const { transfers, underWay } = transfersOf(10)
  const pass = transfers.pass()
  let ended = 0
  while (ended < 10 * SLOTS) {
    await settled()
    assert.ok(underWay.length <= limits.policyMovesAtOnce)
    ended += 1
    underWay.shift()?.()
  }
  assert.is(await pass, 10 * SLOTS)
})

test.run()
