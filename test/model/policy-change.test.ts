/**
 * Two regions differ by one phase at most. So whatever one of them does in a phase has to agree
 * with what the other does in the phase before or after: these are the agreements, over made-up
 * pairs of policies.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Homing } from '../../src/model/home-rule.ts'
import { Placement, type PlacementData, type PolicyData } from '../../src/model/placement.ts'
import {
  effectivePolicy,
  nextPolicy,
  type Phase,
  phases,
  plain,
  withEpochs,
} from '../../src/model/policy-change.ts'
import { dataset, hasher, policy } from '../support/policies.ts'
import { seededRandom } from '../support/seeded-random.ts'

const regions = ['r1', 'r2', 'r3', 'r4']
const random = seededRandom(7)
const oneIn = (n: number): boolean => random.below(n) === 0
const pick = <T>(of: readonly T[]): T => of[random.below(of.length)] as T

function some(of: readonly string[]): string[] {
  const chosen = of.filter(() => oneIn(2))
  return chosen.length > 0 ? chosen : [pick(of)]
}

function madeUp(): PlacementData {
  const store = some(regions)
  const home = oneIn(2) ? store : some(store)
  const serve = oneIn(3) ? regions : store
  const homing: Homing = pick([
    { kind: 'hint' },
    { kind: 'hash' },
    { kind: 'pinned', region: pick(home) },
  ])
  return { ...dataset('things', store, { slots: 8 }), home, serve, homing }
}

const of = (data: PlacementData): PolicyData => policy(regions, [data])
const groups = [...'abcdefgh', '~r1~x', '~r2~y', '~r3~z', '~r9~no']

/** As a region sees it: before a change, in each of its phases, and after it. */
type View = 'before' | Phase | 'after'
const views: readonly View[] = ['before', ...phases, 'after']

function viewOf(from: PolicyData, to: PolicyData, view: View): Placement {
  const effective =
    view === 'before'
      ? from
      : view === 'after'
        ? to
        : effectivePolicy(from, { policy: to, phase: view })
  return new Placement(effective.placements[0] as PlacementData, hasher)
}

/** Each pair of views that two regions may have at one time. */
function eachPair(check: (one: Placement, other: Placement, names: string) => void): void {
  for (let n = 0; n < 300; n++) {
    const from = n % 3 === 0 ? of(madeUp()) : nextPolicy(of(madeUp()), of(madeUp()))
    const to = nextPolicy(from, of(madeUp()))
    const seen = views.map(view => viewOf(from, to, view))
    views.forEach((view, index) => {
      const one = seen[index] as Placement
      check(one, one, view)
      const next = seen[index + 1]
      if (!next) return
      check(one, next, `${view} and ${views[index + 1]}`)
      check(next, one, `${views[index + 1]} and ${view}`)
    })
  }
}

test('what a region sends, the other takes in or is not alarmed by', () => {
  eachPair((sender, receiver, names) => {
    for (const to of regions) {
      if (!sender.mayStore(to)) continue
      const isTaken = receiver.mayHold(to) || receiver.isOfOtherPolicy(to)
      assert.ok(isTaken, `${names}: ${to} is sent what it takes for a breach`)
    }
  })
})

test('whoever is asked for something is not alarmed by who asks', () => {
  eachPair((asker, asked, names) => {
    for (const from of regions) {
      if (!asker.mayStore(from) && !asker.mayServe(from)) continue
      const isKnown = asked.mayStore(from) || asked.mayServe(from) || asked.isOfOtherPolicy(from)
      assert.ok(isKnown, `${names}: ${from} asks, and is taken for a trespasser`)
    }
  })
})

test('a copy that is read where any will do is one that everybody still keeps', () => {
  eachPair((reader, keeper, names) => {
    for (const region of regions) {
      if (reader.isReadable(region)) assert.ok(keeper.mayHold(region) || names.includes('erase'))
    }
  })
})

test('no group begins without a claim in two regions', () => {
  eachPair((one, other, names) => {
    for (const group of groups) {
      const [here, there] = [one, other].map(it =>
        it.beginsComputed(group) ? it.computedHome(group) : undefined,
      )
      if (here !== undefined && there !== undefined) assert.is(here, there, `${names}: ${group}`)
    }
  })
})

test('where groups begin without a claim, nobody claims them for another region', () => {
  eachPair((one, other, names) => {
    for (const group of groups) {
      const begins = one.beginsComputed(group) ? one.computedHome(group) : undefined
      // Who knows no computed home asks the registrar; who knows one asks there first.
      if (begins === undefined || other.computedHome(group) === begins) continue
      assert.unreachable(`${names}: ${group} begins in ${begins}, and may be claimed elsewhere`)
    }
  })
})

test('from the phase copy on no region gains a home that the next policy does not give it', () => {
  for (let n = 0; n < 200; n++) {
    const from = of(madeUp())
    const to = nextPolicy(from, of(madeUp()))
    for (const phase of phases) {
      const placement = viewOf(from, to, phase)
      const by = viewOf(from, to, phase === 'prepare' ? 'before' : 'after')
      for (const region of regions) {
        assert.is(placement.mayHome(region), by.mayHome(region), `${phase} ${region}`)
        if (by.mayHome(region)) assert.ok(placement.isSource(region))
      }
    }
  }
})

test('acknowledgements count by the current policy until homes move, then by the next', () => {
  const from = of(dataset('things', ['r1', 'r2'], { acks: 'all' }))
  const to = nextPolicy(from, of(dataset('things', ['r2', 'r3', 'r4'], { acks: 'quorum' })))
  const counted = phases.map(phase => viewOf(from, to, phase)).map(it => [it.acks, ...it.counted])
  assert.equal(counted, [
    [2, 'r1', 'r2'],
    [2, 'r1', 'r2'],
    [2, 'r2', 'r3', 'r4'],
    [2, 'r2', 'r3', 'r4'],
    [2, 'r2', 'r3', 'r4'],
  ])
})

test('a dataset that is new is hidden until all regions have room for it', () => {
  const to = of(dataset('things', ['r1', 'r2']))
  const hidden = phases.map(phase => viewOf({ ...to, placements: [] }, to, phase))
  assert.equal(
    hidden.map(({ data }) => data.changing?.isHidden === true),
    [true, true, true, false, false],
  )
  assert.ok(hidden[0]?.mayHold('r1') && !hidden[0].mayStore('r1'))
})

test('a dataset that is erased is served to nobody while its copies go', () => {
  const from = of(dataset('things', ['r1', 'r2']))
  const next = { ...from, placements: [] }
  const at = (phase: Phase) => effectivePolicy(from, { policy: next, phase }).placements[0]
  assert.equal(at('transfer'), from.placements[0])
  assert.equal(at('settle')?.serve, [])
  assert.equal(at('settle')?.store, ['r1', 'r2'])
  assert.is(at('erase'), undefined)
})

test('what does not change is as it was, whatever else does', () => {
  const same = dataset('same', regions)
  const from = policy(regions, [same, dataset('things', ['r1'])])
  const to = nextPolicy(from, policy(regions, [same, dataset('things', ['r2'])]))
  for (const phase of phases) {
    const [first] = effectivePolicy(from, { policy: to, phase }).placements
    assert.is(first?.changing, undefined)
  }
})

test('a policy that once computed other homes claims them from then on', () => {
  const first = of(dataset('things', ['r1']))
  const second = nextPolicy(first, of(dataset('things', ['r1', 'r2'])))
  assert.equal(second.placements[0]?.claimed, { assigned: ['r1'] })
  const third = nextPolicy(second, of(dataset('things', ['r1'])))
  const placement = new Placement(third.placements[0] as PlacementData, hasher)
  assert.is(placement.computedHome('a'), undefined, 'r2 may have been given it')
  assert.is(placement.preferredHome('a'), 'r1')
  assert.is(placement.computedHome('~r1~a'), 'r1')
  assert.is(placement.computedHome('~r2~a'), undefined)
})

test('who has left is remembered, and is not once it is back', () => {
  const first = of(dataset('things', ['r1', 'r2']))
  const second = nextPolicy(first, of(dataset('things', ['r1'])))
  assert.equal(second.placements[0]?.left, ['r2'])
  const third = nextPolicy(second, of(dataset('things', ['r1', 'r2'])))
  assert.is(third.placements[0]?.left, undefined)
  assert.equal(plain(third.placements[0] as PlacementData), plain(dataset('things', ['r1', 'r2'])))
})

test('since when a region is one of the homes is kept while it is', () => {
  const after = (from: PolicyData, home: readonly string[], epoch: number): PolicyData =>
    withEpochs(
      from,
      nextPolicy(from, of({ ...dataset('things', regions), home })),
      new Map([['things', epoch]]),
    )
  const since = ({ placements: [data] }: PolicyData) => data?.since
  const first = of({ ...dataset('things', regions), home: ['r1', 'r2'] })
  const second = after(first, ['r1', 'r3'], 2)
  assert.equal(since(second), { r3: 2 })
  const third = after(second, ['r1', 'r2', 'r3'], 3)
  assert.equal(since(third), { r2: 3, r3: 2 })
  assert.equal(since(after(third, ['r1', 'r2'], 4)), { r2: 3 })
  assert.equal(since(after(third, ['r1'], 4)), undefined)
  const unchanged = withEpochs(third, nextPolicy(third, plainly(third)), new Map())
  assert.equal(unchanged.placements, third.placements)
})

const plainly = (of: PolicyData): PolicyData => ({ ...of, placements: of.placements.map(plain) })

test.run()
