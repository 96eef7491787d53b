/** What two copies owe each other, and what each may rightly have alone. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  type CopyHead,
  type CopyHeads,
  type Difference,
  differencesOf,
} from '../../src/repair/compare-copies.ts'

const [feedA, feedB] = [1, 2]

const head = (key: string, seq: number, more: Partial<CopyHead> = {}): CopyHead => ({
  ...{ key, version: { term: 1, seq }, feed: feedA, tombstone: false, checksum: `${key}${seq}` },
  ...more,
})

const copy = (a: number, b: number, ...heads: readonly CopyHead[]): CopyHeads => ({
  heads,
  cursors: [
    { feed: feedA, position: a },
    { feed: feedB, position: b },
  ],
})

const found = (mine: CopyHeads, theirs: CopyHeads): string[] =>
  differencesOf(mine, theirs).map(({ kind, record }: Difference) => `${kind} ${record.checksum}`)

test('a copy owes what its cursor has passed, and nothing beyond', () => {
  const theirs = copy(9, 0, head('k', 5))
  assert.equal(found(copy(9, 0), theirs), ['lacks k5'])
  assert.equal(found(copy(9, 0, head('k', 3)), theirs), ['lacks k5'])
  assert.equal(found(copy(4, 0, head('k', 3)), theirs), [], 'it is still to come')
  assert.equal(found(copy(4, 0, head('k', 5)), theirs), [], 'it came ahead of its cursor')
  assert.equal(found(copy(4, 9, head('k', 3)), theirs), [], "another feed's cursor says nothing")
})

test('what the other copy owes is not taken for what this one has too much, nor kept from it', () => {
  const mine = copy(9, 0, head('k', 5))
  assert.equal(found(mine, copy(9, 0)), ['extra k5'])
  assert.equal(found(mine, copy(9, 0, head('k', 3))), ['extra k5'])
  assert.equal(found(mine, copy(4, 0)), [])
})

test('versions are compared term first, each by the feed that made it', () => {
  const moved = head('k', 2, { feed: feedB, version: { term: 2, seq: 2 } })
  assert.equal(found(copy(9, 9, head('k', 5)), copy(9, 9, moved)), ['lacks k2'])
  assert.equal(found(copy(9, 1, head('k', 5)), copy(9, 9, moved)), [], 'the later home is ahead')
  assert.equal(found(copy(9, 9, moved), copy(9, 9, head('k', 5))), ['extra k2'])
})

test('one version with other bytes is neither older nor newer', () => {
  const [a, b] = [head('k', 5), head('k', 5, { checksum: 'other' })]
  assert.equal(found(copy(9, 0, a), copy(9, 0, b)), ['unlike other'])
  assert.equal(found(copy(0, 0, a), copy(0, 0, a)), [])
})

test('a deletion counts over an older value, and nothing over none', () => {
  const deleted = head('k', 5, { tombstone: true })
  assert.equal(found(copy(9, 0, head('k', 3)), copy(9, 0, deleted)), ['lacks k5'])
  assert.equal(found(copy(9, 0), copy(9, 0, deleted)), [])
  assert.equal(found(copy(9, 0, deleted), copy(9, 0)), [])
  assert.equal(found(copy(9, 0, deleted), copy(9, 0, head('k', 3))), [], 'the other copy finds it')
})

test.run()
