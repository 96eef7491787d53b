/** H and L: what is right, and what each rule catches, by versions and by search. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Facts } from '../../../src/simulation/checkers/facts.ts'
import { searchOrders } from '../../../src/simulation/checkers/linear-search.ts'
import { checkVersions } from '../../../src/simulation/checkers/linear-versions.ts'
import type { OperationRecord } from '../../../src/simulation/history.ts'
import { ownMsOf } from '../../support/own-time.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { del, factsOf, get, messages, put, refused, tx, unknown } from './by-hand.ts'
import { randomHistory } from './random-history.ts'

const check = (...operations: readonly OperationRecord[]): readonly string[] =>
  messages(checkVersions(factsOf(...operations)))

const search = (...operations: readonly OperationRecord[]): readonly string[] =>
  messages(searchOrders(factsOf(...operations), { stepsMax: 10_000 }).findings)

const tooLate = { kind: 'error', code: 'acks_timeout', applied: 'yes', version: '0.1' } as const

const rightOnes: Readonly<Record<string, readonly OperationRecord[]>> = {
  'reads beside a write see either state': [
    put('k=1', [0, 5], '0.1'),
    put('k=2', [10, 30], '0.2'),
    get('k', [12, 14], '0.2 2'),
    get('k', [11, 20], '0.1 1'),
    get('k', [31, 32], '0.2 2'),
  ],
  'what never returned takes effect late': [
    put('k=1', [0, 5], '0.1'),
    put('k=2', [10, null], null),
    get('k', [20, 25], '0.1 1'),
    get('k', [30, 35], '0.2 2'),
  ],
  'or never': [
    put('k=1', [0, 5], '0.1'),
    put('k=2', [10, 11], unknown),
    get('k', [20, 25], '0.1 1'),
  ],
  'a transaction that was applied too late says neither its branch nor what it deleted': [
    put('k=1', [0, 5], '0.1', { group: 'g' }),
    tx(
      {
        conditions: [{ key: 'k', exists: true }],
        success: [
          { op: 'put', key: 'k', value: '2' },
          { op: 'delete', key: 'none' },
        ],
        failure: [{ op: 'get', key: 'k' }],
      },
      [10, 15],
      { kind: 'error', code: 'acks_timeout', applied: 'yes', version: '0.2' },
    ),
    get('k', [20, 25], '0.2 2', { group: 'g' }),
    get('none', [20, 25], '-', { group: 'g' }),
  ],
  'a later term, with a lower position': [
    put('k=1', [0, 5], '1.500'),
    put('k=2', [10, 15], '2.7'),
    get('k', [20, 25], '2.7 2'),
  ],
  'a chain of conditions': [
    put('k=1', [0, 5], { kind: 'written', version: '0.1', created: true }, { ifNoneMatch: '*' }),
    put('k=2', [10, 15], '0.2', { ifMatch: '0.1' }),
    put('k=3', [10, 16], { kind: 'mismatch', current: '0.2' }, { ifMatch: '0.1' }),
    del('k', [20, 25], { kind: 'deleted', version: '0.3' }, { ifMatch: '0.2' }),
    get('k', [30, 35], '-'),
  ],
  'a deletion without a version': [
    put('k=1', [0, 5], '0.1'),
    del('k', [10, 15]),
    get('k', [20, 25], '-'),
    put('k=2', [30, 35], { kind: 'written', version: '0.3', created: true }),
  ],
  'a value that ends by itself': [
    put('k=1', [0, 5], '0.1', { ttlMs: 10 }),
    get('k', [9, 15], '-'),
    put('k=2', [20, 25], { kind: 'written', version: '0.3', created: true }),
  ],
  'a repeat that is answered as the first was': [
    put('k=1', [0, null], null, { idempotencyKey: 'i' }),
    put('k=2', [10, 15], '0.2'),
    put('k=1', [20, 25], '0.1', { idempotencyKey: 'i' }),
    get('k', [30, 35], '0.2 2'),
  ],
  'a failure that was applied': [put('k=1', [0, 5], tooLate), get('k', [9, 9], '0.1 1')],
  'eventual reads promise nothing': [
    put('k=1', [0, 5], '0.1'),
    put('k=2', [10, 15], '0.2'),
    get('k', [20, 25], '0.1 1', { consistency: 'eventual' }),
  ],
}

const wrongOnes: Readonly<Record<string, readonly [RegExp, ...OperationRecord[]]>> = {
  'a stale read': [
    /operation 2 says that d k had version 0\.1: not so when others had seen a later state/,
    put('k=1', [0, 5], '0.1'),
    put('k=2', [10, 15], '0.2'),
    get('k', [20, 25], '0.1 1'),
  ],
  'two reads in the wrong order': [
    /operation 3 says that d k had version 0\.1/,
    put('k=1', [0, 5], '0.1'),
    put('k=2', [10, 50], '0.2'),
    get('k', [20, 25], '0.2 2'),
    get('k', [30, 35], '0.1 1'),
  ],
  'a version that goes back in time': [
    /operation 1 wrote version 0\.1, but operation 0 had returned before/,
    put('k=1', [0, 5], '0.2'),
    put('k=2', [10, 15], '0.1'),
  ],
  'a read of the future': [
    /operation 1 wrote version 0\.1, but operation 0 had returned/,
    get('k', [0, 5], '0.1 1'),
    put('k=1', [10, 15], '0.1'),
  ],
  'one version, two values': [
    /two writes have version 0\.1/,
    put('k=1', [0, 5], '0.1'),
    put('k=2', [0, 5], '0.1'),
  ],
  'one value, two versions': [
    /1 has version 0\.1 and version 0\.2/,
    put('k=1', [0, 5], '0.1'),
    get('k', [10, 15], '0.2 1', { consistency: 'eventual' }),
  ],
  'a version with the value of another': [
    /two writes have version 0\.1/,
    put('k=1', [0, 5], '0.1'),
    put('k=2', [10, null], null),
    get('k', [20, 25], '0.1 2'),
  ],
  'a lost write': [
    /operation 1 says that d k was absent/,
    put('k=1', [0, 5], '0.1'),
    get('k', [10, 15], '-'),
  ],
  'a value that ends too early': [
    /operation 1 says that d k was absent/,
    put('k=1', [0, 5], '0.1', { ttlMs: 10 }),
    get('k', [6, 9], '-'),
  ],
  'a failure that said it was applied, and was not': [
    /operation 1 says that d k was absent/,
    put('k=1', [0, 5], tooLate),
    get('k', [9, 9], '-'),
  ],
  'a deletion that did not last': [
    /operation 2 says that d k had version 0\.1/,
    put('k=1', [0, 5], '0.1'),
    del('k', [10, 15]),
    get('k', [20, 25], '0.1 1'),
  ],
  'a lost update': [
    /operation 2 says that d k had version 0\.1: not so just before its own version/,
    put('k=1', [0, 5], '0.1'),
    put('k=2', [10, 15], '0.2'),
    put('k=3', [10, 25], '0.3', { ifMatch: '0.1' }),
  ],
  'a condition refused that held': [
    /operation 1 says that d k had another version than 0\.1/,
    put('k=1', [0, 5], '0.1'),
    put('k=2', [10, 15], { kind: 'mismatch', current: '0.1' }, { ifMatch: '0.1' }),
  ],
  'two creators': [
    /operation 1 says that d k was absent/,
    put('k=1', [0, 9], { kind: 'written', version: '0.1', created: true }),
    put('k=2', [0, 9], { kind: 'written', version: '0.2', created: true }),
  ],
  'what was refused': [
    /operation 1 says that d k/,
    put('k=1', [0, 5], refused),
    get('k', [10, 15], '0.1 1'),
  ],
}

for (const [what, operations] of Object.entries(rightOnes)) {
  test(`both accept: ${what}`, () => {
    assert.equal(check(...operations), [])
    assert.equal(search(...operations), [])
  })
}
for (const [what, [says, ...operations]] of Object.entries(wrongOnes)) {
  test(`both catch: ${what}`, () => {
    assert.match(check(...operations).join('\n'), says)
    assert.is.not(search(...operations).length, 0)
  })
}

test('only the search catches a value that ended by itself and is there again', () => {
  const brief = put('k=1', [0, 5], '0.1', { ttlMs: 10 })
  const again = [brief, get('k', [20, 25], '-'), get('k', [30, 35], '0.1 1')]
  assert.equal(check(...again), [])
  assert.match(search(...again).join(), /no order explains its 3 operations/)
})

const bothKeys = tx(
  {
    conditions: [],
    success: [
      { op: 'put', key: 'g/a', value: 'a1' },
      { op: 'put', key: 'g/b', value: 'b1' },
    ],
    failure: [],
  },
  [0, 9],
  {
    kind: 'transacted',
    succeeded: true,
    results: [
      { kind: 'written', version: '0.1' },
      { kind: 'written', version: '0.1' },
    ],
  },
)
const group = { group: 'g' }

test('a transaction is seen whole', () => {
  const whole = [get('g/a', [1, 2], '0.1 a1', group), get('g/b', [3, 4], '0.1 b1', group)]
  assert.equal(check(bothKeys, ...whole), [])
  const half = [get('g/a', [1, 2], '0.1 a1', group), get('g/b', [3, 4], '-', group)]
  assert.match(check(bothKeys, ...half).join(), /operation 2 says that d g\/b was absent/)
})

test('a transaction sees one state', () => {
  const reader = (a: string, b: string): OperationRecord =>
    tx(
      {
        conditions: [],
        success: [
          { op: 'get', key: 'g/a' },
          { op: 'get', key: 'g/b' },
        ],
        failure: [],
      },
      [1, 8],
      {
        kind: 'transacted',
        succeeded: true,
        results: [a, b].map(saw =>
          saw === '-' ? { kind: 'absent' } : { kind: 'found', version: '0.1', value: saw },
        ),
      },
    )
  assert.equal(check(bothKeys, reader('a1', 'b1')), [])
  assert.equal(check(bothKeys, reader('-', '-')), [])
  assert.match(check(bothKeys, reader('a1', '-')).join(), /operation 1 says that d g\/b was absent/)
})

test('a branch runs whose conditions hold', () => {
  const guarded = (succeeded: boolean): OperationRecord =>
    tx(
      { conditions: [{ key: 'g/a', exists: true, value: 'a1' }], success: [], failure: [] },
      [20, 25],
      { kind: 'transacted', succeeded, results: [] },
    )
  assert.equal(check(bothKeys, guarded(true)), [])
  assert.match(check(bothKeys, guarded(false)).join(), /d g\/a was absent, or .* else than a1/)
})

test('a hundred thousand operations of one group take a second of the processor', () => {
  const options = { clients: 12, keys: 3, transactions: true, deletionsTold: true, lossOneIn: 50 }
  const history = randomHistory(seededRandom(1), { ...options, operations: 100_000 })
  const tookMs = ownMsOf(() => assert.equal(checkVersions(new Facts(history)), []))
  // Some 1 s where nothing else runs.
  assert.ok(tookMs < 4_000, `${Math.round(tookMs)} ms`)
})

test.run()
