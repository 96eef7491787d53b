/** S: what a session may be shown. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { checkSessions } from '../../../src/simulation/checkers/sessions.ts'
import type { OperationRecord } from '../../../src/simulation/history.ts'
import { del, factsOf, get, messages, put } from './by-hand.ts'

const check = (...operations: readonly OperationRecord[]): readonly string[] =>
  messages(checkSessions(factsOf(...operations)))

const mine = { session: 's' }
const session = { ...mine, consistency: 'session' } as const
const eventual = { ...mine, consistency: 'eventual' } as const
const first = put('k=1', [0, 5], '0.1', mine)
const second = put('k=2', [10, 15], '0.2')

const rightOnes: Readonly<Record<string, readonly OperationRecord[]>> = {
  'its own write': [first, get('k', [6, 7], '0.1 1', session)],
  'a later one': [first, second, get('k', [20, 25], '0.2 2', session)],
  'an older one that it never saw': [first, second, get('k', [20, 25], '0.1 1', session)],
  'another session is elsewhere': [
    first,
    second,
    get('k', [20, 25], '0.2 2', session),
    get('k', [30, 35], '0.1 1', { ...session, session: 't' }),
  ],
  'an eventual read promises nothing': [
    first,
    second,
    get('k', [20, 25], '0.2 2', session),
    get('k', [30, 35], '0.1 1', eventual),
    get('k', [40, 45], '0.2 2', session),
  ],
  'and is not held against later ones': [
    first,
    second,
    get('k', [20, 25], '0.2 2', eventual),
    get('k', [30, 35], '0.1 1', session),
  ],
  'absence after a deletion, and a new value behind it': [
    first,
    del('k', [10, 15]),
    get('k', [20, 25], '-', session),
    put('k=3', [30, 35], '0.3'),
    get('k', [40, 45], '0.3 3', session),
  ],
  'it sees absence before the first write comes': [
    put('k=1', [0, 5], '0.1'),
    get('k', [10, 15], '-', session),
    get('k', [20, 25], '0.1 1', session),
  ],
  'a value that ended by itself': [
    put('k=1', [0, 5], '0.1', { ...mine, ttlMs: 1 }),
    get('k', [20, 25], '-', session),
  ],
}

const wrongOnes: Readonly<Record<string, readonly [RegExp, ...OperationRecord[]]>> = {
  'not its own write': [
    /operation 2 says that d k is 1 \(0\.1\), but the session knew 0\.2 from operation 1/,
    put('k=1', [0, 5], '0.1'),
    put('k=2', [10, 15], '0.2', mine),
    get('k', [20, 25], '0.1 1', session),
  ],
  'its own write is absent': [
    /operation 1 says that d k is absent, but the session knew 0\.1/,
    first,
    get('k', [10, 15], '-', session),
  ],
  'its own write is absent, and the deletion was before it': [
    /operation 3 says that d k is absent/,
    put('k=0', [0, 1], '0.0'),
    del('k', [2, 3]),
    put('k=1', [4, 5], '0.1', mine),
    get('k', [10, 15], '-', session),
  ],
  'back behind a read': [
    /operation 3 says .* knew 0\.2 from operation 2/,
    first,
    second,
    get('k', [20, 25], '0.2 2', session),
    get('k', [30, 35], '0.1 1', session),
  ],
  'back behind an absence that it read': [
    /operation 3 says .* knew its deletion after 0\.1 from operation 2/,
    first,
    del('k', [10, 15]),
    get('k', [20, 25], '-', session),
    get('k', [30, 35], '0.1 1', session),
  ],
  'back behind its own deletion': [
    /operation 2 says .* knew its deletion from operation 1/,
    put('k=1', [0, 5], '0.1'),
    del('k', [10, 15], { kind: 'deleted' }, mine),
    get('k', [20, 25], '0.1 1', session),
  ],
  'back behind a version that a refusal told': [
    /operation 3 says .* knew 0\.2 from operation 2/,
    first,
    second,
    put('k=3', [20, 25], { kind: 'mismatch', current: '0.2' }, { ...mine, ifMatch: '0.1' }),
    get('k', [30, 35], '0.1 1', session),
  ],
}

for (const [what, operations] of Object.entries(rightOnes)) {
  test(`it accepts: ${what}`, () => assert.equal(check(...operations), []))
}
for (const [what, [says, ...operations]] of Object.entries(wrongOnes)) {
  test(`it catches: ${what}`, () => assert.match(check(...operations).join('\n'), says))
}

test.run()
