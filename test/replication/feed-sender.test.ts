import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { limits } from '../../src/model/limits.ts'
import {
  FeedSender,
  type ReadEffect,
  type SenderEffect,
} from '../../src/replication/feed-sender.ts'
import type { FromSource } from '../../src/replication/messages.ts'
import type { SlotChunk } from '../../src/replication/read-feeds.ts'
import type { SnapshotPart } from '../../src/replication/read-snapshot.ts'

const feed = 65_537
const sender = (): FeedSender => new FeedSender(dataset => dataset !== 'secret')
const follow = (at: FeedSender, positions: Record<number, number | null>): SenderEffect[] =>
  at.onMessage({
    type: 'follow',
    dataset: 'd',
    positions: Object.entries(positions).map(([slot, position]) => ({
      slot: Number(slot),
      position,
      complete: position ?? 0,
    })),
  })
const isRead = (effect: SenderEffect): effect is ReadEffect => effect.kind.startsWith('read')
const messages = (effects: readonly SenderEffect[]): FromSource[] =>
  effects.flatMap(effect => (effect.kind === 'send' ? [effect.message] : []))

/** The one read among the effects. */
function read<K extends ReadEffect['kind']>(
  effects: readonly SenderEffect[],
  kind: K,
): Extract<ReadEffect, { kind: K }> {
  const reads = effects.filter(isRead)
  assert.is(reads.length, 1)
  assert.is(reads[0]?.kind, kind)
  return reads[0] as Extract<ReadEffect, { kind: K }>
}

const chunk = (
  slot: number,
  after: number,
  to: number,
  { bytes = 100, complete = true } = {},
): SlotChunk => ({ kind: 'chunk', slot, feed, after, to, complete, items: [], bytes })

const part = (from: string | null, to: string | null, position: number): SnapshotPart => ({
  ...{ slot: 0, feed, from, to, records: [], markers: [], bytes: limits.streamCreditBytes },
  cursors: [{ feed, position }],
})

const ack = (
  at: FeedSender,
  slot: number,
  position: number,
  bytes: number,
  complete = position,
): SenderEffect[] => at.onMessage({ type: 'ack', dataset: 'd', slot, position, complete, bytes })
const poll = (at: FeedSender, id = 1): FromSource[] => messages(at.onMessage({ type: 'poll', id }))

test('it reads from where the follower stands, sends, and reports what is not acked', () => {
  const at = sender()
  const ends = read(follow(at, { 0: 10, 1: 20 }), 'readEnds')
  const started = at.onEnds(ends, [
    { slot: 0, end: 10 },
    { slot: 1, end: 30 },
  ])
  assert.equal(messages(started), [{ type: 'following', dataset: 'd' }])
  const chunks = read(started, 'readChunks')
  assert.equal(chunks.requests, [{ slot: 1, after: 20 }])
  const sent = messages(at.onChunks(chunks, [chunk(1, 20, 30)]))
  assert.equal(sent.length, 1)
  assert.equal(poll(at), [{ type: 'polled', id: 1, behind: [{ dataset: 'd', slot: 1, end: 30 }] }])
  ack(at, 1, 30, 100)
  assert.equal(poll(at), [{ type: 'polled', id: 1, behind: [] }])
})

test('a dataset that may not be shared is a violation, and nothing is read', () => {
  const at = sender()
  const effects = at.onMessage({ type: 'follow', dataset: 'secret', positions: [] })
  assert.equal(effects, [{ kind: 'violation', dataset: 'secret' }])
})

test('growth between the reading of the ends and their coming is not lost', () => {
  const at = sender()
  const ends = read(follow(at, { 0: 10 }), 'readEnds')
  assert.equal(at.onGrowth('d', [{ slot: 0, end: 11 }]), [])
  const chunks = read(at.onEnds(ends, [{ slot: 0, end: 10 }]), 'readChunks')
  assert.equal(chunks.requests, [{ slot: 0, after: 10 }])
})

test('what was read for an earlier round is thrown away', () => {
  const at = sender()
  const firstEnds = read(follow(at, { 0: 0 }), 'readEnds')
  const firstChunks = read(at.onEnds(firstEnds, [{ slot: 0, end: 50 }]), 'readChunks')
  const secondEnds = read(follow(at, { 0: 20 }), 'readEnds')
  assert.equal(at.onEnds(firstEnds, [{ slot: 0, end: 50 }]), [])
  const secondChunks = read(at.onEnds(secondEnds, [{ slot: 0, end: 50 }]), 'readChunks')
  assert.equal(at.onChunks(firstChunks, [chunk(0, 0, 50)]), [])
  const sent = messages(at.onChunks(secondChunks, [chunk(0, 20, 50)]))
  assert.ok(sent[0]?.type === 'chunk' && sent[0].after === 20)
})

test('a poll between two rounds is answered after, not with a guess', () => {
  const at = sender()
  const ends = read(follow(at, { 0: 0 }), 'readEnds')
  assert.equal(poll(at, 7), [])
  const answers = messages(at.onEnds(ends, [{ slot: 0, end: 5 }]))
  assert.equal(answers[1], { type: 'polled', id: 7, behind: [{ dataset: 'd', slot: 0, end: 5 }] })
})

test('without credit nothing is read; acks give it back', () => {
  const at = sender()
  const ends = read(follow(at, { 0: 0, 1: 0 }), 'readEnds')
  const first = read(at.onEnds(ends, [{ slot: 0, end: 50 }]), 'readChunks')
  assert.is(first.bytesMax, limits.streamCreditBytes)
  const whole = { bytes: limits.streamCreditBytes, complete: false }
  assert.not(at.onChunks(first, [chunk(0, 0, 20, whole)]).some(isRead))
  assert.not(at.onGrowth('d', [{ slot: 1, end: 9 }]).some(isRead))
  const next = read(ack(at, 0, 20, 1_000), 'readChunks')
  assert.is(next.bytesMax, 1_000)
  assert.equal(
    next.requests.map(({ slot }) => slot),
    [0, 1],
  )
})

test('a busy slot goes behind the others', () => {
  const at = sender()
  const ends = read(follow(at, { 0: 0, 1: 0, 2: 0 }), 'readEnds')
  const all = [0, 1, 2].map(slot => ({ slot, end: 100 }))
  let chunks = read(at.onEnds(ends, all), 'readChunks')
  const firsts: (number | undefined)[] = []
  for (let n = 0; n < 6; n++) {
    const [{ slot, after } = { slot: 0, after: 0 }] = chunks.requests
    firsts.push(slot)
    // There is room for one slot only: the others are left out.
    chunks = read(
      at.onChunks(chunks, [chunk(slot, after, after + 1, { complete: false })]),
      'readChunks',
    )
  }
  assert.equal(firsts.toSorted(), [0, 0, 1, 1, 2, 2])
})

test('a replacing snapshot keeps within the credit, part by part', () => {
  const at = sender()
  const ends = read(follow(at, { 0: null }), 'readEnds')
  const first = read(at.onEnds(ends, [{ slot: 0, end: 50 }]), 'readSnapshot')
  assert.is(first.from, null)
  assert.equal(poll(at), [{ type: 'polled', id: 1, behind: [{ dataset: 'd', slot: 0, end: 50 }] }])
  assert.not(at.onSnapshotPart(first, part(null, 'k', 50)).some(isRead))
  const second = read(ack(at, 0, 0, limits.streamCreditBytes), 'readSnapshot')
  assert.is(second.from, 'k')
  at.onGrowth('d', [{ slot: 0, end: 60 }])
  const sent = messages(at.onSnapshotPart(second, part('k', null, 60)))
  assert.ok(sent[0]?.type === 'replace')
  assert.equal(sent[0].cursors, [{ feed, position: 50 }], 'the cursors of the first part')
  const after = read(ack(at, 0, 50, limits.streamCreditBytes), 'readChunks')
  assert.equal(after.requests, [{ slot: 0, after: 50 }])
})

test('a follower that can not go on gets a snapshot, and is behind until it has it', () => {
  const at = sender()
  const ends = read(follow(at, { 0: 90 }), 'readEnds')
  const chunks = read(at.onEnds(ends, [{ slot: 0, end: 50 }]), 'readChunks')
  const snapshot = read(at.onChunks(chunks, [{ kind: 'resync', slot: 0 }]), 'readSnapshot')
  assert.is(poll(at).length, 1)
  const [answer] = poll(at)
  assert.ok(answer?.type === 'polled' && answer.behind.length === 1)
  at.onSnapshotPart(snapshot, part(null, null, 50))
  const [sent] = poll(at)
  assert.ok(sent?.type === 'polled' && sent.behind.length === 1, 'until it is acked')
  ack(at, 0, 50, limits.streamCreditBytes)
  assert.equal(poll(at), [{ type: 'polled', id: 1, behind: [] }])
})

/** How far the follower is said to be complete, by slot. */
const completed = (effects: readonly SenderEffect[]): (readonly [number, number])[] =>
  effects.flatMap(it => (it.kind === 'completed' ? [[it.slot, it.complete] as const] : []))

test('it says how far a follower is complete: what it says, when it begins and with each ack', () => {
  const at = sender()
  const positions = [
    { slot: 0, position: 10, complete: 99 },
    { slot: 1, position: 20, complete: 15 },
    { slot: 2, position: null, complete: 0 },
    // It holds what this host has lost.
    { slot: 3, position: 90, complete: 90 },
  ]
  const ends = read(at.onMessage({ type: 'follow', dataset: 'd', positions }), 'readEnds')
  const all = [0, 1, 2, 3].map(slot => ({ slot, end: 50 }))
  const started = at.onEnds(ends, all)
  assert.equal(completed(started), [
    [0, 10],
    [1, 15],
    [2, 0],
    [3, 0],
  ])
  const snapshot = read(started, 'readSnapshot')
  const after = read(
    at.onSnapshotPart(snapshot, { ...part(null, null, 50), slot: 2, bytes: 9 }),
    'readChunks',
  )
  const middle = chunk(1, 20, 40, { complete: false })
  assert.equal(completed(at.onChunks(after, [middle])), [], 'what is sent is not there yet')
  assert.equal(completed(ack(at, 1, 40, 100, 15)), [[1, 15]])
  assert.equal(completed(ack(at, 1, 50, 100, 50)), [[1, 40]], 'not beyond what was sent')
  assert.equal(completed(ack(at, 2, 50, 100)), [[2, 50]], 'a whole snapshot')
})

test.run()
