import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { limits } from '../../src/model/limits.ts'
import { Follower, type FollowerEffect } from '../../src/replication/follower.ts'
import type { FeedChunk } from '../../src/replication/messages.ts'

const feed = 65_537
const newFollower = (): Follower =>
  new Follower({ feed, datasets: ['d'], mayStore: dataset => dataset === 'd', slots: () => 2 })
const chunk = (after: number, to: number, changes: Partial<FeedChunk> = {}): FeedChunk => ({
  ...{ type: 'chunk', dataset: 'd', slot: 0, feed, after, to, complete: true, items: [], bytes: 9 },
  ...changes,
})
const state = (end: number, replacing = false) => ({ end, complete: end, replacing })
const following = { type: 'following', dataset: 'd' } as const
const reading: FollowerEffect[] = [{ kind: 'readStates', dataset: 'd' }]
const applied = (to: number) => ({ kind: 'applied', end: to, complete: to }) as const

/** A follower that stands at position 10 of slot 0 and receives chunks. */
function receiving(): Follower {
  const follower = newFollower()
  assert.equal(follower.onOpen(), reading)
  follower.onStates('d', new Map([[0, state(10)]]))
  follower.onMessage(following)
  return follower
}

test('it follows from what is durable; a slot in the middle of a snapshot asks for another', () => {
  const follower = newFollower()
  follower.onOpen()
  const effects = follower.onStates(
    'd',
    new Map([
      [0, state(10)],
      [1, state(0, true)],
    ]),
  )
  assert.equal(effects, [
    {
      kind: 'send',
      message: {
        type: 'follow',
        dataset: 'd',
        positions: [
          { slot: 0, position: 10, complete: 10 },
          { slot: 1, position: null, complete: 0 },
        ],
      },
    },
  ])
})

test('a chunk is applied, then acked with its bytes', () => {
  const follower = receiving()
  assert.equal(follower.onMessage(chunk(10, 20)), [{ kind: 'apply', chunk: chunk(10, 20) }])
  assert.equal(follower.onApplied(chunk(10, 20), applied(20)), [
    {
      kind: 'send',
      message: { type: 'ack', dataset: 'd', slot: 0, position: 20, complete: 20, bytes: 9 },
    },
  ])
})

test('in the middle of a range it says so: its complete cursor stays before it', () => {
  const follower = receiving()
  const middle = chunk(10, 20, { complete: false })
  follower.onMessage(middle)
  const [sent] = follower.onApplied(middle, { kind: 'applied', end: 20, complete: 10 })
  assert.ok(sent?.kind === 'send' && sent.message.type === 'ack')
  assert.equal([sent.message.position, sent.message.complete], [20, 10])
  follower.onOpen()
  const again = follower.onStates('d', new Map([[0, { ...state(20), complete: 10 }]])).at(-1)
  assert.ok(again?.kind === 'send' && again.message.type === 'follow')
  assert.equal(again.message.positions[0], { slot: 0, position: 20, complete: 10 })
})

test('what may not be stored here, or is of another feed, is a violation', () => {
  const follower = receiving()
  const violation = (dataset: string) => [{ kind: 'violation', dataset }]
  assert.equal(follower.onMessage(chunk(0, 1, { dataset: 'e' })), violation('e'))
  assert.equal(follower.onMessage(chunk(0, 1, { feed: feed + 1 })), violation('d'))
})

test('after a gap: no chunk counts, all end, states are read, and only then it follows', () => {
  const follower = receiving()
  for (const to of [20, 30, 40]) follower.onMessage(chunk(to - 10, to))
  assert.equal(follower.onApplied(chunk(10, 20), { kind: 'gap' }), [])
  assert.equal(follower.onMessage(chunk(40, 50)), [], 'chunks of the last time are dropped')
  assert.equal(follower.onApplied(chunk(20, 30), { kind: 'gap' }), [])
  assert.equal(follower.onApplied(chunk(30, 40), applied(40)), reading, 'no ack: credit is new')
  assert.equal(follower.onMessage(chunk(50, 60)), [])
  assert.is(follower.onStates('d', new Map([[0, state(40)]])).length, 1)
  assert.equal(follower.onMessage(chunk(60, 70)), [], 'until the source says that it follows')
  follower.onMessage(following)
  assert.is(follower.onMessage(chunk(40, 50)).length, 1)
})

test('a new stream waits for what the last one has left to be applied', () => {
  const follower = receiving()
  follower.onMessage(chunk(10, 20))
  follower.onMessage(chunk(20, 30))
  follower.onClose()
  assert.equal(follower.onApplied(chunk(10, 20), applied(20)), [])
  assert.equal(follower.onOpen(), [])
  assert.equal(follower.onFailed(chunk(20, 30)), reading)
})

test('it polls once all datasets are followed, and not without bound', () => {
  const follower = newFollower()
  assert.equal(follower.onTick(0), [])
  follower.onOpen()
  assert.equal(follower.onTick(0), [])
  follower.onStates('d', new Map())
  assert.equal(follower.onTick(0), [])
  follower.onMessage(following)
  for (let n = 0; n < limits.pollsInFlightMax; n++) assert.is(follower.onTick(n).length, 1)
  assert.equal(follower.onTick(100), [])
  follower.onMessage({ type: 'polled', id: 1, behind: [] })
  assert.is(follower.freshness.asOfMs('d', 0), 0)
  assert.is(follower.onTick(101).length, 1)
  follower.onClose()
  assert.equal(follower.onTick(102), [])
})

test('an answer to a poll of an earlier stream says nothing', () => {
  const follower = receiving()
  follower.onTick(50)
  follower.onClose()
  follower.onOpen()
  follower.onMessage({ type: 'polled', id: 1, behind: [] })
  assert.is(follower.freshness.asOfMs('d', 0), undefined)
})

test.run()
