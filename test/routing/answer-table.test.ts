import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { AnswerTable } from '../../src/routing/answer-table.ts'
import { seededRandom } from '../support/seeded-random.ts'

interface Entry {
  readonly key: string
  readonly value: number
}

test('what it answers was put last under that very key', () => {
  const random = seededRandom(1)
  const table = new AnswerTable<Entry>(4_000)
  const model = new Map<string, number>()
  for (let n = 0; n < 50_000; n++) {
    const key = `key ${random.below(6_000)}`
    if (random.oneIn(2)) {
      table.set({ key, value: n })
      const kept = table.get(key)
      if (kept) assert.is(kept.value, n)
      if (kept) model.set(key, n)
      else assert.not(model.has(key), 'what is kept has its place')
    } else assert.is(table.get(key)?.value, model.get(key))
  }
  assert.ok(table.isFull)
  assert.is(model.size, 4_000)
  table.clear()
  assert.not(table.isFull)
  for (const key of model.keys()) assert.is(table.get(key), undefined)
})

test('it grows to what it may hold', () => {
  const table = new AnswerTable<Entry>(16_384)
  const keys = Array.from({ length: 10_000 }, (_, n) => `key-${String(n).padStart(8, '0')}`)
  for (const [value, key] of keys.entries()) table.set({ key, value })
  const kept = keys.filter((key, value) => table.get(key)?.value === value)
  assert.ok(kept.length > 9_900, `${kept.length}`)
})

test('seldom keys are not kept', () => {
  const table = new AnswerTable<Entry>(10)
  for (const key of ['é', 'a'.repeat(65)]) {
    table.set({ key, value: 1 })
    assert.is(table.get(key), undefined)
  }
})

test.run()
