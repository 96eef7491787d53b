/** The local order of changes: each key at its latest commit, as far back as it is remembered. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { limits } from '../../src/model/limits.ts'
import { ChangeIndex } from '../../src/storage/change-index.ts'
import {
  type ChangesReply,
  StoreChanges,
  type StorePoint,
} from '../../src/storage/store-changes.ts'
import { seededRandom, seedsOfRun } from '../support/seeded-random.ts'

const index = suite('change index')

index('each key once, after its latest commit, in the order of commits', () => {
  const changes = new ChangeIndex(0, 10)
  changes.record(1, ['a', 'b'])
  changes.record(4, ['c', 'a'])
  assert.equal(changes.after(0, 10), { keys: ['b', 'c', 'a'], upTo: 4 })
  assert.equal(changes.after(1, 10), { keys: ['c', 'a'], upTo: 4 })
  assert.equal(changes.after(3, 10), { keys: ['c', 'a'], upTo: 4 })
  assert.equal(changes.after(4, 10), { keys: [], upTo: 4 })
})

index('a reply ends between commits, never amid one', () => {
  const changes = new ChangeIndex(0, 10)
  changes.record(1, ['a', 'b', 'c'])
  changes.record(2, ['d'])
  changes.record(3, ['e'])
  assert.equal(changes.after(0, 2), { keys: ['a', 'b', 'c'], upTo: 1 })
  assert.equal(changes.after(1, 1), { keys: ['d'], upTo: 2 })
})

index('it does not reach back before it began, nor to what it had to drop', () => {
  const changes = new ChangeIndex(7, 3)
  assert.is(changes.after(6, 10), undefined)
  for (let commit = 8; commit < 30; commit++) changes.record(commit, [`${commit}`])
  assert.is(changes.after(7, 10), undefined)
  assert.is(changes.after(29, 10)?.keys.length, 0)
})

index('who follows it has all keys, however it is bounded', () => {
  for (const seed of seedsOfRun(60)) {
    const random = seededRandom(seed)
    const entriesMax = 1 + random.below(20)
    const changes = new ChangeIndex(0, entriesMax)
    const truth = new Map<string, number>()
    const known = new Map<string, number>()
    let at = 0
    for (let commit = 1; commit < 200; commit++) {
      const keys = Array.from({ length: 1 + random.below(4) }, () => `${random.below(30)}`)
      changes.record(commit, [...new Set(keys)])
      for (const key of keys) truth.set(key, commit)
      if (random.below(3) > 0) continue
      for (;;) {
        const page = changes.after(at, 1 + random.below(5))
        // Whoever has missed changes is told, and takes the state instead.
        if (!page) for (const [key, value] of truth) known.set(key, value)
        for (const key of page?.keys ?? []) known.set(key, truth.get(key) ?? 0)
        at = page?.upTo ?? commit
        if (at === commit) break
      }
      assert.equal(new Map([...known].sort()), new Map([...truth].sort()), `seed ${seed}`)
    }
  }
})

index.run()

const store = suite('changes of a store')

const open = (seed = 1): { changes: StoreChanges; replies: ChangesReply[] } => ({
  changes: new StoreChanges(seededRandom(seed)),
  replies: [],
})

const named = (reply: ChangesReply | undefined) => {
  if (reply?.kind !== 'changes') throw new Error('the store has named changes')
  return reply
}
const pointOf = (reply: ChangesReply | undefined): StorePoint => named(reply).upTo
const keysOf = (reply: ChangesReply | undefined): readonly string[] => named(reply).keys

store('it answers with the next commit, once, and asks for keys only while it is watched', () => {
  const { changes, replies } = open()
  changes.committed(() => {
    throw new Error('nobody watches')
  })
  changes.ask({ since: null, wait: false }, reply => replies.push(reply))
  const since = pointOf(replies[0])
  changes.ask({ since, wait: true }, reply => replies.push(reply))
  changes.committed(() => [])
  assert.is(replies.length, 1, 'nothing has changed')
  changes.committed(() => ['a'])
  changes.committed(() => ['b'])
  assert.is(replies.length, 2)
  assert.equal(keysOf(replies[1]), ['a'])
  changes.ask({ since: pointOf(replies[1]), wait: true }, reply => replies.push(reply))
  assert.equal(keysOf(replies[2]), ['b'])
  changes.ask({ since: pointOf(replies[2]), wait: false }, reply => replies.push(reply))
  assert.equal(keysOf(replies[3]), [])
})

store('points of another start, or of the future, are too old', () => {
  const { changes, replies } = open()
  const other = open(2).changes
  other.ask({ since: null, wait: false }, reply => replies.push(reply))
  changes.ask({ since: pointOf(replies[0]), wait: true }, reply => replies.push(reply))
  changes.ask({ since: null, wait: false }, reply => replies.push(reply))
  const { incarnation } = pointOf(replies[2])
  changes.ask({ since: { incarnation, commit: 9 }, wait: true }, reply => replies.push(reply))
  assert.equal([replies[1]?.kind, replies[3]?.kind], ['tooOld', 'tooOld'])
})

store('who has missed more than is remembered is told', () => {
  const { changes, replies } = open()
  changes.ask({ since: null, wait: false }, reply => replies.push(reply))
  const many = Array.from({ length: 3 * limits.changeIndexKeysMax }, (_, n) => `${n}`)
  changes.committed(() => many)
  changes.ask({ since: pointOf(replies[0]), wait: true }, reply => replies.push(reply))
  assert.is(replies[1]?.kind, 'tooOld')
})

store.run()
