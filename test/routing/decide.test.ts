/** The routing decision as a table of cases. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { PlacementData } from '../../src/model/placement.ts'
import {
  admit,
  type Decision,
  decide,
  type Intent,
  type Knowledge,
  type Topology,
} from '../../src/routing/decide.ts'
import { dataset, policy, tableOf } from '../support/policies.ts'

const regions = ['one', 'two', 'three', 'four']

function placement(changes: Partial<PlacementData> = {}) {
  const data = dataset('d', ['one', 'two', 'three'], changes)
  const found = tableOf(policy(regions, [data])).byId(data.id)
  assert.ok(found)
  return found
}
const topology = (self: string, ...down: string[]): Topology => ({
  self,
  byNearness: [self, ...regions.filter(region => region !== self)],
  reachable: region => !down.includes(region),
  passes: () => false,
})

const get: Intent = {
  kind: 'read',
  creates: false,
  consistency: 'session',
  hint: 'one',
  behind: false,
}
const strong: Intent = { ...get, consistency: 'strong' }
const behind: Intent = { ...get, behind: true }
const bounded: Intent = { ...get, consistency: { boundMs: 5_000 } }
const tight: Intent = { ...get, consistency: { boundMs: 500 } }
const tooOldAt = (intent: Intent, ...found: string[]): Intent => ({
  ...intent,
  tooOldAt: new Set(found),
})
const put: Intent = { ...get, kind: 'write', creates: true }
const remove: Intent = { ...put, creates: false }

const unasked: Knowledge = { kind: 'unasked' }
const unknown: Knowledge = { kind: 'unknown' }
const unclaimed: Knowledge = { kind: 'unclaimed' }
const home = (region: string): Knowledge => ({ kind: 'home', region, term: 1 })

interface Case {
  readonly title: string
  readonly intent: Intent
  readonly knows?: Knowledge
  /** Default: region one, all reachable. */
  readonly at?: Topology
  readonly under?: Partial<PlacementData>
  readonly comes: Decision
}

const here = (as: 'home' | 'candidate' | 'copy'): Decision => ({ action: 'execute', as })
const to = (region: string, as: 'home' | 'candidate' | 'copy'): Decision => ({
  action: 'forward',
  region,
  as,
})
const unreachable: Decision = { action: 'refuse', code: 'home_unreachable' }
const pinned: Partial<PlacementData> = { homing: { kind: 'pinned', region: 'two' } }

const cases: readonly Case[] = [
  { title: 'a read is answered by the own copy', intent: get, comes: here('copy') },
  {
    title: 'a read without a copy goes to the nearest one',
    intent: get,
    at: topology('four'),
    comes: to('one', 'copy'),
  },
  {
    title: 'and to the next when that one is not reachable',
    intent: get,
    at: topology('four', 'one'),
    comes: to('two', 'copy'),
  },
  {
    title: 'and nowhere when none is',
    intent: get,
    at: topology('four', 'one', 'two', 'three'),
    comes: { action: 'refuse', code: 'no_serving_region' },
  },
  {
    title: 'a session that is ahead asks for the home',
    intent: behind,
    comes: { action: 'consult' },
  },
  { title: 'and reads there', intent: behind, knows: home('two'), comes: to('two', 'home') },
  { title: 'a bounded read: the own copy', intent: bounded, comes: here('copy') },
  {
    title: 'too old: the nearest other, before a home that is farther',
    intent: tooOldAt(bounded, 'one'),
    knows: home('three'),
    comes: to('two', 'copy'),
  },
  {
    title: 'with a bound below what copies usually are old: the home at once',
    intent: tooOldAt(tight, 'one'),
    knows: home('three'),
    comes: to('three', 'home'),
  },
  {
    title: 'the home where it is the nearest',
    intent: tooOldAt(bounded, 'one'),
    knows: home('two'),
    comes: to('two', 'home'),
  },
  {
    title: 'the home after the others',
    intent: tooOldAt(bounded, 'one', 'two'),
    knows: home('three'),
    comes: to('three', 'home'),
  },
  {
    title: 'no copy that was damaged',
    intent: { ...tooOldAt(bounded, 'one'), damagedAt: new Set(['two']) },
    knows: home('three'),
    comes: to('three', 'home'),
  },
  {
    title: 'another copy where the home is not reachable, however tight the bound',
    intent: tooOldAt(tight, 'one'),
    knows: home('three'),
    at: topology('one', 'three'),
    comes: to('two', 'copy'),
  },
  {
    title: 'another copy where the home has it damaged',
    intent: { ...tooOldAt(tight, 'one'), damagedAt: new Set(['three']) },
    knows: home('three'),
    comes: to('two', 'copy'),
  },
  {
    title: 'all too old, and the home not reachable',
    intent: tooOldAt(bounded, 'one', 'two'),
    knows: home('three'),
    at: topology('one', 'three'),
    comes: unreachable,
  },
  {
    title: 'a region without a copy asks the nearest for it',
    intent: bounded,
    at: topology('four'),
    comes: to('one', 'copy'),
  },
  {
    title: 'and where the bound is tight, first who is home',
    intent: tight,
    at: topology('four'),
    comes: { action: 'lookup' },
  },
  {
    title: 'whoever is not known to be home is asked for, once the nearest are too old',
    intent: tooOldAt(bounded, 'one', 'two', 'three'),
    comes: { action: 'consult' },
  },
  {
    title: 'nobody ever wrote: there is nothing, at any bound',
    intent: tooOldAt(bounded, 'one', 'two', 'three'),
    knows: unclaimed,
    comes: { action: 'absent' },
  },
  {
    title: 'what has expired here is gone only if the home says so',
    intent: { ...bounded, behind: true },
    knows: home('three'),
    comes: to('three', 'home'),
  },
  { title: 'a strong read asks the own copy first', intent: strong, comes: { action: 'consult' } },
  { title: 'then the registrar', intent: strong, knows: unknown, comes: { action: 'lookup' } },
  {
    title: 'a region without a copy asks the registrar at once',
    intent: strong,
    at: topology('four'),
    comes: { action: 'lookup' },
  },
  {
    title: 'nobody wrote: nothing is there',
    intent: strong,
    knows: unclaimed,
    comes: { action: 'absent' },
  },
  { title: 'a strong read at home', intent: strong, knows: home('one'), comes: here('home') },
  {
    title: 'a home that is not reachable is said to be so',
    intent: strong,
    knows: home('two'),
    at: topology('one', 'two'),
    comes: unreachable,
  },
  { title: 'a first write where it entered', intent: put, comes: here('candidate') },
  {
    title: 'a hint elsewhere: first the own copy is asked',
    intent: { ...put, hint: 'two' },
    comes: { action: 'consult' },
  },
  {
    title: 'then the hinted region claims',
    intent: { ...put, hint: 'two' },
    knows: unknown,
    comes: to('two', 'candidate'),
  },
  {
    title: 'a hint that may not home: the nearest that may',
    intent: { ...put, hint: 'four' },
    at: topology('four'),
    comes: to('one', 'candidate'),
  },
  {
    title: 'no candidate is reachable',
    intent: put,
    at: topology('four', 'one', 'two', 'three'),
    comes: unreachable,
  },
  {
    title: 'a write goes to the home',
    intent: put,
    knows: home('three'),
    comes: to('three', 'home'),
  },
  { title: 'a delete claims nothing', intent: remove, comes: { action: 'consult' } },
  { title: 'it asks the registrar', intent: remove, knows: unknown, comes: { action: 'lookup' } },
  { title: 'and ends there', intent: remove, knows: unclaimed, comes: { action: 'absent' } },
  {
    title: 'a computed home is never asked for',
    intent: put,
    under: pinned,
    comes: to('two', 'home'),
  },
  { title: 'nor for reads', intent: strong, under: pinned, comes: to('two', 'home') },
  {
    title: 'nor where it is the own',
    intent: remove,
    under: pinned,
    at: topology('two'),
    comes: here('home'),
  },
  {
    title: 'what was learnt goes before what is computed',
    intent: put,
    under: pinned,
    knows: home('three'),
    comes: to('three', 'home'),
  },
]

const decisions = suite('decide')
for (const { title, intent, knows = unasked, at = topology('one'), under, comes } of cases) {
  decisions(title, () => {
    assert.equal(decide(intent, placement(under), 'g', knows, at), comes)
  })
}
decisions('a region never forwards to itself or to one that may not store', () => {
  for (const self of regions) {
    for (const intent of [get, bounded, tight, strong, behind, put, remove]) {
      for (const knows of [unasked, unknown, unclaimed, ...regions.slice(0, 3).map(home)]) {
        const decision = decide({ ...intent, hint: self }, placement(), 'g', knows, topology(self))
        if (decision.action !== 'forward') continue
        assert.is.not(decision.region, self)
        assert.ok(placement().mayStore(decision.region))
      }
    }
  }
})
decisions.run()

const admission = suite('admit')
const urls = (region: string): string | undefined =>
  region === 'one' ? undefined : `http://${region}`
const closed = { serve: ['one', 'two', 'three'], forbidden: { four: { serve: 'the law' } } }

admission('a region that may serve does, and says whether it stores', () => {
  const open = placement({ serve: regions, anywhere: true })
  const answer = (self: string) => admit(open, topology(self), undefined, urls)
  assert.equal(answer('one'), { kind: 'serve', cacheable: true, stored: true, everyKey: true })
  assert.equal(answer('four'), { kind: 'serve', cacheable: true, stored: false, everyKey: true })
})
admission('others are redirected to the nearest with an address that is reachable', () => {
  const answer = (...down: string[]) =>
    admit(placement(closed), topology('four', ...down), undefined, urls)
  assert.equal(answer(), { kind: 'redirect', region: 'two', url: 'http://two', reason: 'the law' })
  const next = answer('two')
  assert.is(next.kind === 'redirect' && next.region, 'three')
  assert.equal(answer('two', 'three'), { kind: 'no_serving_region' })
})
admission('nobody is redirected twice, and refused where the policy says so', () => {
  assert.equal(admit(placement(closed), topology('four'), 'two', urls), {
    kind: 'no_serving_region',
  })
  const refusing = placement({ ...closed, outside: 'refuse' })
  assert.equal(admit(refusing, topology('four'), undefined, urls), {
    kind: 'refuse',
    reason: 'the law',
  })
})
admission.run()
