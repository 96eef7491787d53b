/** The keys of receipts: made when the first is needed, replaced at the keeper, never forgotten. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { RECEIPT_KEYS_FORMAT } from '../../src/coordination/receipt-keys.ts'
import type { StaticCoordination } from '../../src/coordination/static.ts'
import { DenizenError } from '../../src/model/errors.ts'
import { everywhere, failureOf, founded, world } from '../support/coordination-world.ts'
import { memoryDisk } from '../support/memory-disk.ts'

const build = { version: '3.0.0', oldest: 1, newest: RECEIPT_KEYS_FORMAT }

test('any region gets the key, the first time from the keeper, and then the same', async () => {
  const at = world()
  const starts: Promise<void>[] = []
  for (const region of everywhere) {
    starts.push((await at.up(region, { disk: memoryDisk(), build })).start())
  }
  assert.ok(await at.ended(Promise.all(starts)))
  const two = at.running.get('two') as StaticCoordination
  const { receiptKeys: first = [] } = await two.acts.receiptKey(false)
  assert.is(first.length, 1)
  const three = at.running.get('three') as StaticCoordination
  assert.equal((await three.acts.receiptKey(false)).receiptKeys, first)
  const { receiptKeys: both = [] } = await three.acts.receiptKey(true)
  assert.equal(
    both.map(({ id }) => id),
    ['receipts-1', 'receipts-2'],
  )
  assert.equal(
    both.map(it => it.private !== undefined),
    [false, true],
  )
  assert.is(both[0]?.public, first[0]?.public, 'what was signed still verifies')
  assert.is.not(both[1]?.public, first[0]?.public)
  assert.ok(both[0]?.untilMs !== undefined && both[1]?.untilMs === undefined)
})

test('before the format that has them is in force there are none', async () => {
  const at = world()
  await founded(at)
  const two = at.running.get('two') as StaticCoordination
  const refusal = await failureOf(two.acts.receiptKey(false))
  assert.ok(refusal instanceof DenizenError)
  assert.is(refusal.code, 'upgrade_refused')
})

test.run()
