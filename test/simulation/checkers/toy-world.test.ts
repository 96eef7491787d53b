/** All checkers on worlds that keep every promise, and on worlds that break one. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { checkHistory } from '../../../src/simulation/checkers/check-history.ts'
import { checkConvergence } from '../../../src/simulation/checkers/convergence.ts'
import { checkDurability, checkStored } from '../../../src/simulation/checkers/durability.ts'
import { Facts } from '../../../src/simulation/checkers/facts.ts'
import type { Finding, Invariant } from '../../../src/simulation/checkers/finding.ts'
import { checkTimelines } from '../../../src/simulation/checkers/timelines.ts'
import type { PolicyInForce } from '../../../src/simulation/observations.ts'
import { ownMsOf } from '../../support/own-time.ts'
import { seededRandom, seedsOfRun } from '../../support/seeded-random.ts'
import { type Defect, defects, type ToyRun, ToyWorld } from './toy-world.ts'

const everywhere = new Set(['a', 'b', 'c'])
const policy: PolicyInForce = {
  epoch: 1,
  datasets: new Map([['d', { store: everywhere, serve: everywhere }]]),
}

function checkAll({ history, changes, states }: ToyRun): readonly Finding[] {
  const facts = new Facts(history)
  const last = states.at(-1)
  return [
    ...checkHistory(history).findings,
    ...checkTimelines(changes),
    ...states.flatMap(state => [...checkDurability(facts, state), ...checkStored(facts, state)]),
    ...(last ? checkConvergence(policy, last) : []),
  ]
}

const foundBy: Readonly<Record<Defect, Invariant>> = {
  'a replica ignores the session': 'S',
  'a replica ignores the bound': 'bounded staleness',
  'a replica says that it is younger than it is': 'bounded staleness',
  'a write is acknowledged before it is on a second disk': 'D',
  'a copy takes an older row': 'T',
  'a repeat is applied again': 'X',
  'a write is applied and called refused': 'truthful errors',
  'a copy is left behind': 'convergence',
}

test('a world that keeps its promises is left alone', () => {
  for (const seed of seedsOfRun(100)) {
    const found = checkAll(new ToyWorld(seededRandom(seed)).run(300))
    assert.equal(found, [], `seed ${seed}`)
  }
})

for (const defect of defects) {
  test(`it is found out that ${defect}, and by whom it should be`, () => {
    const seeds = seedsOfRun(20)
    const caught = seeds.filter(seed => {
      const found = checkAll(new ToyWorld(seededRandom(seed), defect).run(300))
      return found.some(({ invariant }) => invariant === foundBy[defect])
    })
    assert.ok(caught.length >= 0.8 * seeds.length, `${caught.length} of ${seeds.length} runs`)
  })
}

test('all checkers together take some seconds of the processor for 100,000 operations', () => {
  const run = new ToyWorld(seededRandom(1)).run(100_000)
  const last = run.states.slice(-1)
  // Some 2.5 s where nothing else runs.
  const tookMs = ownMsOf(() => assert.equal(checkAll({ ...run, states: last }), []))
  assert.ok(tookMs < 8_000, `${Math.round(tookMs)} ms`)
})

test.run()
