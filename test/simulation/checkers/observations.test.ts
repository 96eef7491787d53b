/** What only a look into copies, disks and wires can show. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { checkConvergence } from '../../../src/simulation/checkers/convergence.ts'
import { checkDurability, checkStored } from '../../../src/simulation/checkers/durability.ts'
import { checkResidency } from '../../../src/simulation/checkers/residency.ts'
import { checkTimelines } from '../../../src/simulation/checkers/timelines.ts'
import type { OperationRecord } from '../../../src/simulation/history.ts'
import type {
  CopyChange,
  CopyRow,
  DurableState,
  PolicyInForce,
  SeenBytes,
} from '../../../src/simulation/observations.ts'
import { del, factsOf, messages, put, refused } from './by-hand.ts'

/** `key=value version`; `key version` is a tombstone. */
function row(text: string): CopyRow {
  const [pair = '', version = ''] = text.split(' ')
  const [key = '', value] = pair.split('=')
  return { dataset: 'd', key, version, value: value ?? null }
}

const disks = (
  regions: Readonly<Record<string, readonly string[]>>,
  more: Partial<DurableState> = {},
): DurableState => ({
  atMs: 100,
  regions: new Map(Object.entries(regions).map(([region, rows]) => [region, rows.map(row)])),
  lostDisks: new Set(),
  tombstonesCollected: false,
  ...more,
})

const durable = (state: DurableState, ...operations: readonly OperationRecord[]): string => {
  const facts = factsOf(...operations)
  return messages([...checkDurability(facts, state), ...checkStored(facts, state)]).join('\n')
}

const onTwo = put('k=1', [0, 5], '0.1', { acks: 2 })

test('D: a write, or a later one, is in as many regions as acknowledged it', () => {
  assert.is(durable(disks({ a: ['k=1 0.1'], b: ['k=1 0.1'], c: [] }), onTwo), '')
  const later = put('k=2', [10, null], null)
  assert.is(durable(disks({ a: ['k=1 0.1'], b: ['k=2 0.2'], c: [] }), onTwo, later), '')
  assert.match(
    durable(disks({ a: ['k=1 0.1'], b: [], c: [] }), onTwo),
    /d k: operation 0 \(1, 0\.1\) was acknowledged on 2; at 100 ms b, c had nothing as new on disk/,
  )
  assert.match(durable(disks({ a: [], b: [] }), put('k=1', [0, 5], '0.1')), /acknowledged on 1/)
})

test('D: an older state does not do, nor does one that was acknowledged too late', () => {
  const one = put('k=1', [0, 5], '0.1')
  const two = put('k=2', [10, 15], '0.2')
  assert.match(durable(disks({ a: ['k=1 0.1'] }), one, two), /operation 1 \(2, 0\.2\)/)
  assert.is(durable(disks({ a: ['k=1 0.1'] }, { atMs: 14 }), one, two), '')
})

test('D: a lost disk takes one copy with it, not two', () => {
  const lost = { lostDisks: new Set(['a']) }
  assert.is(durable(disks({ a: [], b: ['k=1 0.1'] }, lost), onTwo), '')
  assert.match(durable(disks({ a: [], b: [] }, lost), onTwo), /acknowledged on 2/)
})

test('D: a deletion is a write, also when nobody told its version', () => {
  const one = put('k=1', [0, 5], '0.1')
  const gone = del('k', [10, 15])
  assert.is(durable(disks({ a: ['k 0.2'] }), one, gone), '')
  assert.match(durable(disks({ a: ['k=1 0.1'] }), one, gone), /operation 1 \(a deletion\)/)
  assert.match(durable(disks({ a: [] }), one, gone), /operation 1 \(a deletion\)/)
  assert.is(durable(disks({ a: [] }, { tombstonesCollected: true }), one, gone), '')
  const again = put('k=3', [20, 25], '0.3')
  const collected = disks({ a: [] }, { tombstonesCollected: true })
  assert.match(durable(collected, one, gone, again), /operation 2 \(3, 0\.3\)/)
})

test('D: what is stored was written so', () => {
  const one = put('k=1', [0, 5], '0.1')
  assert.match(
    durable(disks({ a: ['k=1 0.1', 'j=9 0.9'] }), one),
    /a holds d j = 9 .* nobody wrote/,
  )
  assert.match(
    durable(disks({ a: ['k=1 0.2'] }), one),
    /a holds d k = 1 \(0\.2\), which is version 0\.1/,
  )
  assert.match(durable(disks({ a: ['k=1 0.1', 'j=1 0.1'] }), one), /which was written to d k/)
  assert.match(durable(disks({ a: ['k 0.2'] }), one), /a tombstone \(0\.2\), but nobody deleted it/)
  assert.match(durable(disks({ a: ['k=1 0.1'] }), put('k=1', [0, 5], refused)), /nobody wrote/)
  const lost = put('k=1', [0, null], null)
  assert.is(durable(disks({ a: ['k=1 0.7'] }), lost), '')
  assert.match(durable(disks({ a: ['k=1 0.7'], b: ['k=1 0.8'] }), lost), /which is 0\.7 elsewhere/)
})

const step = (region: string, text: string): CopyChange => ({ kind: 'row', region, ...row(text) })

test('T: a copy goes forward only', () => {
  const check = (...changes: readonly CopyChange[]) => messages(checkTimelines(changes)).join()
  const forward = [step('a', 'k=1 1.9'), step('b', 'k=1 1.9'), step('a', 'k=2 2.1')]
  assert.is(check(...forward, step('a', 'k=2 2.1'), step('a', 'k 2.2')), '')
  assert.match(check(...forward, step('a', 'k=1 1.9')), /a: d k had 2\.1, then 1\.9/)
  assert.match(check(...forward, step('a', 'k=3 2.1')), /had 2\.1 as 2, then the same version as 3/)
  const removed = { kind: 'removed', region: 'a', dataset: 'd' } as const
  assert.is(check(...forward, removed, step('a', 'k=1 1.9')), '')
  assert.is(check(...forward, { ...removed, key: 'k' }, step('a', 'k=1 1.9')), '')
  assert.match(check(...forward, { ...removed, key: 'j' }, step('a', 'k=1 1.9')), /then 1\.9/)
  assert.match(check(...forward, { ...removed, region: 'b' }, step('a', 'k=1 1.9')), /then 1\.9/)
})

const policy = (epoch: number, store: readonly string[], serve = store): PolicyInForce => ({
  epoch,
  datasets: new Map([['d', { store: new Set(store), serve: new Set(serve) }]]),
})

test('R: bytes are where some policy in force permits them', () => {
  const policies = [policy(1, ['a', 'b'], ['a', 'b', 'c']), policy(2, ['b', 'd'])]
  const check = (place: SeenBytes['place'], ...epochs: readonly number[]) =>
    messages(checkResidency(policies, [{ dataset: 'd', place, epochs, atMs: 7 }])).join()
  const onDisk = (region: string) => ({ kind: 'disk', region }) as const
  const sentTo = (to: string) => ({ kind: 'wire', from: 'b', to }) as const
  assert.is(check(onDisk('a'), 1), '')
  assert.is(check(onDisk('a'), 1, 2), '')
  assert.is(check(onDisk('a'), 2), 'bytes of d are on the disk of a, at 7 ms, under policy 2')
  assert.is(check(sentTo('c'), 1), '')
  assert.match(check(onDisk('c'), 1), /on the disk of c/)
  assert.match(check(sentTo('c'), 2), /bytes of d went from b to c/)
  assert.match(check(sentTo('d'), 1), /bytes of d went from b to d/)
  assert.match(check({ kind: 'log', region: 'a' }, 1), /in the log of a/)
})

test('when all is quiet, all permitted copies are equal', () => {
  const permitted = policy(1, ['a', 'b'])
  const check = (state: DurableState) => messages(checkConvergence(permitted, state)).join()
  assert.is(check(disks({ a: ['k=1 0.1'], b: ['k=1 0.1'], c: [] })), '')
  assert.match(check(disks({ a: ['k=1 0.1'], b: [] })), /d k: a has 1 \(0\.1\), b has nothing/)
  assert.match(check(disks({ a: ['k=1 0.1'], b: ['k=2 0.1'] })), /a has 1 \(0\.1\), b has 2/)
  assert.match(check(disks({ a: ['k 0.2'], b: [] })), /a has a tombstone/)
  assert.is(check(disks({ a: ['k 0.2'], b: [] }, { tombstonesCollected: true })), '')
  assert.match(check(disks({ a: [], b: [], c: ['k=1 0.1'] })), /c may not store d, and has 1 rows/)
})

test.run()
