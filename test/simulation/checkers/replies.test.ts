/** Bounded staleness, idempotency and truthful errors: what replies promise. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Facts } from '../../../src/simulation/checkers/facts.ts'
import type { Finding } from '../../../src/simulation/checkers/finding.ts'
import { checkIdempotency } from '../../../src/simulation/checkers/idempotency.ts'
import { checkStaleness } from '../../../src/simulation/checkers/staleness.ts'
import { checkTruth } from '../../../src/simulation/checkers/truth.ts'
import type { OperationRecord } from '../../../src/simulation/history.ts'
import { del, factsOf, get, messages, put, refused, tx, unknown } from './by-hand.ts'

type Case = readonly [
  what: string,
  check: (facts: Facts) => readonly Finding[],
  /** undefined: nothing is wrong. */
  says: RegExp | undefined,
  ...operations: OperationRecord[],
]

const bounded = (boundMs: number) => ({ consistency: 'bounded', boundMs }) as const
const replica = (stalenessMs: number) =>
  ({ consistency: 'eventual', role: 'replica', stalenessMs }) as const
const written = put('k=1', [0, 5], '0.1')
const overwritten = put('k=2', [10, 15], '0.2')
const once = { idempotencyKey: 'i' }

const cases: readonly Case[] = [
  [
    'young enough',
    checkStaleness,
    undefined,
    written,
    overwritten,
    get('k', [24, 30], '0.1 1', bounded(10)),
  ],
  [
    'too old',
    checkStaleness,
    /operation 2 says that d k is version 0\.1, no older than 10 ms; operation 1 \(2\) .* 11 ms before/,
    ...[written, overwritten, get('k', [26, 30], '0.1 1', bounded(10))],
  ],
  [
    'a later write counts, if it was acknowledged first',
    checkStaleness,
    /operation 2 \(3\) had been acknowledged 16 ms before/,
    written,
    put('k=2', [6, null], null),
    put('k=3', [7, 10], '0.3'),
    get('k', [26, 30], '0.1 1', bounded(10)),
  ],
  [
    'absent, though written long ago',
    checkStaleness,
    /operation 1 says that d k is absent, no older than 10 ms/,
    ...[written, get('k', [26, 30], '-', bounded(10))],
  ],
  [
    'absent, as it was deleted',
    checkStaleness,
    undefined,
    ...[written, del('k', [10, 15]), get('k', [26, 30], '-', bounded(10))],
  ],
  [
    'deleted long ago, and still there',
    checkStaleness,
    /operation 1 \(a deletion\) had been acknowledged/,
    ...[written, del('k', [10, 15]), get('k', [26, 30], '0.1 1', bounded(10))],
  ],
  [
    'a copy that says how old it is',
    checkStaleness,
    undefined,
    ...[written, overwritten, get('k', [26, 30], '0.1 1', replica(20))],
  ],
  [
    'a copy that says that it is younger than it is',
    checkStaleness,
    /no older than 5 ms/,
    ...[written, overwritten, get('k', [26, 30], '0.1 1', replica(5))],
  ],

  [
    'a repeat is answered as the first was',
    checkIdempotency,
    undefined,
    put('k=1', [0, 5], '0.1', once),
    put('k=1', [10, 15], '0.1', once),
    put('k=2', [20, 25], { kind: 'error', code: 'idempotency_mismatch', applied: 'no' }, once),
    put('j=3', [20, 25], '0.3', once),
  ],
  [
    'what changed nothing may change something later',
    checkIdempotency,
    undefined,
    ...[del('k', [0, 5], { kind: 'absent' }, once), del('k', [10, 15], { kind: 'deleted' }, once)],
  ],
  [
    'applied twice',
    checkIdempotency,
    /operation 1 of d repeats operation 0, which was answered written 0\.1, and was answered written 0\.2/,
    ...[put('k=1', [0, 5], '0.1', once), put('k=1', [10, 15], '0.2', once)],
  ],
  [
    'another request under the same key',
    checkIdempotency,
    /operation 1 of d has the idempotency key of operation 0, another request, and was applied too/,
    ...[put('k=1', [0, 5], '0.1', once), put('k=2', [10, 15], '0.2', once)],
  ],
  [
    'the same request refused as another',
    checkIdempotency,
    /operation 1 was refused as another request under its key/,
    put('k=1', [0, 5], '0.1', once),
    put('k=1', [10, 15], { kind: 'error', code: 'idempotency_mismatch', applied: 'no' }, once),
  ],

  [
    'a lost write is seen',
    checkTruth,
    undefined,
    put('k=1', [0, 5], unknown),
    get('k', [9, 9], '0.1 1'),
  ],
  [
    'refused, then applied by another attempt',
    checkTruth,
    undefined,
    put('k=1', [0, 5], refused, once),
    put('k=1', [6, 7], '0.1', once),
    get('k', [9, 9], '0.1 1'),
  ],
  [
    'a refused write is seen',
    checkTruth,
    /operation 1 saw 1 under d k, but operation 0 was told that it was not applied/,
    ...[put('k=1', [0, 5], refused), get('k', [9, 9], '0.1 1', { consistency: 'eventual' })],
  ],
  [
    'a branch that did not run is seen',
    checkTruth,
    /operation 1 saw no under d g\/k, but operation 0/,
    tx(
      {
        conditions: [{ key: 'g/k', exists: false }],
        success: [],
        failure: [{ op: 'put', key: 'g/k', value: 'no' }],
      },
      [0, 5],
      {
        kind: 'transacted',
        succeeded: true,
        results: [],
      },
    ),
    get('g/k', [9, 9], '0.1 no', { group: 'g' }),
  ],
  [
    'a value from nowhere',
    checkTruth,
    /operation 0 saw 1 under d k, which nobody wrote/,
    get('k', [9, 9], '0.1 1'),
  ],
  [
    'a value of another key',
    checkTruth,
    /operation 1 saw 1 under d j; it was written to d k/,
    ...[written, get('j', [9, 9], '0.1 1')],
  ],
]

for (const [what, check, says, ...operations] of cases) {
  test(`${says ? 'it catches' : 'it accepts'}: ${what}`, () => {
    const found = messages(check(factsOf(...operations)))
    if (says) assert.match(found.join('\n'), says)
    else assert.equal(found, [])
  })
}

test.run()
