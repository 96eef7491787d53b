/** What one thread enters on the board another finds: all of it, once, and with few calls. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { GrowthBoard } from '../../src/storage/growth-board.ts'

const boards = suite('growth board')
const datasets = ['cities', 'tenants/eu/', 'tenants/us/']

function start() {
  const shard = new GrowthBoard(datasets)
  return { shard, reader: new GrowthBoard(datasets, shard.memory) }
}

boards('the newest end of each slot is told, once', () => {
  const { shard, reader } = start()
  assert.equal(reader.news(), [])
  shard.enter({ dataset: 'tenants/us/', ends: [{ slot: 63, end: 2 ** 32 + 1 }] })
  shard.enter({ dataset: 'cities', ends: [{ slot: 0, end: 5 }] })
  const end = 2 ** 53 - 1
  shard.enter({
    dataset: 'tenants/us/',
    ends: [
      { slot: 63, end },
      { slot: 7, end: 1 },
    ],
  })
  assert.equal(reader.news(), [
    { dataset: 'cities', ends: [{ slot: 0, end: 5 }] },
    {
      dataset: 'tenants/us/',
      ends: [
        { slot: 7, end: 1 },
        { slot: 63, end },
      ],
    },
  ])
  assert.equal(reader.news(), [])
})

boards('who does not wait is not called; who waits is called once, and again if it waits', () => {
  const { shard, reader } = start()
  const grow = (end: number): boolean =>
    shard.enter({ dataset: 'cities', ends: [{ slot: 1, end }] })
  assert.is(grow(1), false)
  reader.await()
  assert.equal([grow(2), grow(3)], [true, false])
  reader.await()
  assert.equal(reader.news(), [{ dataset: 'cities', ends: [{ slot: 1, end: 3 }] }])
  assert.is(grow(4), true)
})

boards('each of many commits is seen by whoever looks after it, while others are entered', () => {
  const { shard, reader } = start()
  let seen = 0
  for (let end = 1; end <= 1_000; end++) {
    shard.enter({ dataset: 'tenants/eu/', ends: [{ slot: end % 64, end }] })
    if (end % 7 > 0) continue
    seen = Math.max(seen, ...reader.news().flatMap(({ ends }) => ends.map(one => one.end)))
    assert.is(seen, end)
  }
})

boards.run()
