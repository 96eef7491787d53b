/** Where a line is cut, by way of whom: the routing decision as a table of cases. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { PlacementData } from '../../src/model/placement.ts'
import {
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

/** `down` is not reachable; others may reach it, but for `deadEnds`. */
const around = (self: string, down: readonly string[], ...deadEnds: string[]): Topology => ({
  self,
  byNearness: [self, ...regions.filter(region => region !== self)],
  reachable: region => !down.includes(region),
  passes: relay => !deadEnds.includes(relay),
})

const get: Intent = {
  ...{ kind: 'read', creates: false, consistency: 'session', hint: 'one', behind: false },
}
const strong: Intent = { ...get, consistency: 'strong' }
const behind: Intent = { ...get, behind: true }
const bounded: Intent = { ...get, consistency: { boundMs: 5_000 } }
const tight: Intent = { ...get, consistency: { boundMs: 500 } }
const tooOldHere = (intent: Intent): Intent => ({ ...intent, tooOldAt: new Set(['one']) })
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
  readonly at: Topology
  readonly under?: Partial<PlacementData>
  readonly comes: Decision
}

const to = (region: string, as: 'home' | 'candidate' | 'copy'): Decision => ({
  ...{ action: 'forward', region, as },
})
const by = (relay: string, region: string, as: 'home' | 'candidate'): Decision => ({
  ...{ action: 'forward', region, as, relay },
})
const unreachable: Decision = { action: 'refuse', code: 'home_unreachable' }
const pinned: Partial<PlacementData> = { homing: { kind: 'pinned', region: 'two' } }

const cases: readonly Case[] = [
  {
    title: 'a home beyond a cut line: by way of the nearest region that stores',
    intent: put,
    knows: home('three'),
    at: around('one', ['three']),
    comes: by('two', 'three', 'home'),
  },
  {
    title: 'a strong read, too',
    intent: strong,
    knows: home('three'),
    at: around('one', ['three']),
    comes: by('two', 'three', 'home'),
  },
  {
    title: 'a session that is ahead, too',
    intent: behind,
    under: pinned,
    at: around('four', ['two']),
    comes: by('one', 'two', 'home'),
  },
  {
    title: 'not by way of one that has just failed to',
    intent: put,
    knows: home('three'),
    at: around('four', ['three'], 'one'),
    comes: by('two', 'three', 'home'),
  },
  {
    title: 'nor of one that is not reachable itself',
    intent: put,
    knows: home('three'),
    at: around('four', ['three', 'one']),
    comes: by('two', 'three', 'home'),
  },
  {
    title: 'nor of one that serves and does not store, though it is there',
    intent: put,
    knows: home('two'),
    at: around('one', ['two', 'three']),
    under: { serve: regions },
    comes: unreachable,
  },
  {
    title: 'where nobody passes it on, it is said that the home is not reachable',
    intent: put,
    knows: home('three'),
    at: around('one', ['three'], 'two'),
    comes: unreachable,
  },
  {
    title: 'a home that is reachable is asked straight, whatever others reach',
    intent: put,
    knows: home('three'),
    at: around('one', []),
    comes: to('three', 'home'),
  },
  {
    title: 'a candidate that is reachable goes before a nearer one that is not',
    intent: put,
    at: around('four', ['one']),
    comes: to('two', 'candidate'),
  },
  {
    title: 'where no candidate is reachable, one that a relay may reach',
    intent: put,
    under: { home: ['two', 'three'] },
    at: around('four', ['two', 'three']),
    comes: by('one', 'two', 'candidate'),
  },
  {
    title: 'of those the hinted one first',
    intent: { ...put, hint: 'three' },
    under: { home: ['two', 'three'] },
    at: around('four', ['two', 'three']),
    comes: by('one', 'three', 'candidate'),
  },
  {
    title: 'with a tight bound a home beyond a cut line goes before other copies',
    intent: tooOldHere(tight),
    knows: home('three'),
    at: around('one', ['three']),
    comes: by('two', 'three', 'home'),
  },
  {
    title: 'with a wide bound after them',
    intent: tooOldHere(bounded),
    knows: home('three'),
    at: around('one', ['three']),
    comes: to('two', 'copy'),
  },
]

for (const { title, intent, knows = unasked, at, under, comes } of cases) {
  test(title, () => {
    assert.equal(decide(intent, placement(under), 'g', knows, at), comes)
  })
}

test('whatever is cut, a relay stores, is reachable, and is neither end', () => {
  let relayed = 0
  for (const self of regions) {
    for (let cuts = 0; cuts < 2 ** regions.length; cuts++) {
      const down = regions.filter((region, n) => region !== self && cuts & (1 << n))
      for (const intent of [get, bounded, tight, strong, behind, put, remove]) {
        for (const knows of [unasked, unknown, unclaimed, ...regions.slice(0, 3).map(home)]) {
          const at = around(self, down)
          const decision = decide({ ...intent, hint: self }, placement(), 'g', knows, at)
          if (decision.action !== 'forward' || decision.relay === undefined) continue
          const { relay, region } = decision
          relayed += 1
          assert.ok(placement().mayStore(relay) && !down.includes(relay) && down.includes(region))
          assert.ok(relay !== self && relay !== region)
        }
      }
    }
  }
  assert.ok(relayed > 50)
})

test.run()
