/** The two checkers of H and L against each other, and each against histories made by hand. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Facts } from '../../../src/simulation/checkers/facts.ts'
import { searchOrders } from '../../../src/simulation/checkers/linear-search.ts'
import { checkVersions } from '../../../src/simulation/checkers/linear-versions.ts'
import type { History } from '../../../src/simulation/history.ts'
import { seededRandom, seedsOfRun } from '../../support/seeded-random.ts'
import { type RandomHistoryOptions, randomHistory, withOneChange } from './random-history.ts'

const small: RandomHistoryOptions = {
  clients: 4,
  operations: 24,
  keys: 2,
  transactions: true,
  deletionsTold: true,
  lossOneIn: 12,
}

interface Verdicts {
  readonly versions: boolean
  readonly search: boolean
}

function verdicts(history: History): Verdicts {
  const facts = new Facts(history)
  const search = searchOrders(facts, { stepsMax: 200_000 })
  assert.equal(search.undecided, [])
  return { versions: checkVersions(facts).length === 0, search: search.findings.length === 0 }
}

const saying = (history: History): string => {
  const facts = new Facts(history)
  const found = [...checkVersions(facts), ...searchOrders(facts, { stepsMax: 200_000 }).findings]
  return [
    ...found.map(({ message }) => message),
    ...history.operations.map((operation, index) => `${index} ${JSON.stringify(operation)}`),
  ].join('\n')
}

test('both accept what a register did, with lost answers and transactions', () => {
  for (const seed of seedsOfRun(200)) {
    for (const deletionsTold of [true, false]) {
      const history = randomHistory(seededRandom(seed), { ...small, deletionsTold })
      const { versions, search } = verdicts(history)
      assert.ok(versions && search, `seed ${seed}: ${saying(history)}`)
    }
  }
})

test('both say the same of histories in which one thing is wrong', () => {
  const counts = { caught: 0, passed: 0 }
  for (const seed of seedsOfRun(1_000)) {
    const random = seededRandom(seed)
    const options = { ...small, transactions: random.oneIn(2), lossOneIn: 0 }
    const history = withOneChange(random, randomHistory(random, options))
    const { versions, search } = verdicts(history)
    assert.is(versions, search, `seed ${seed}: ${saying(history)}`)
    counts[search ? 'passed' : 'caught'] += 1
  }
  assert.ok(counts.caught > 200 && counts.passed > 200, JSON.stringify(counts))
})

test('where versions are not told, what is right is never caught, and most of the rest is', () => {
  const counts = { caught: 0, missed: 0 }
  for (const seed of seedsOfRun(1_000)) {
    const random = seededRandom(seed)
    const loose = { deletionsTold: random.oneIn(2), lossOneIn: random.pick([5, 12]) }
    const history = withOneChange(random, randomHistory(random, { ...small, ...loose }))
    const { versions, search } = verdicts(history)
    assert.ok(versions || !search, `seed ${seed}: ${saying(history)}`)
    if (!search) counts[versions ? 'missed' : 'caught'] += 1
  }
  assert.ok(counts.caught > 5 * counts.missed, JSON.stringify(counts))
})

test.run()
