/** Groups that went to another partition: what has to be in the copy, and what may be missing. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { checkDepartures } from '../../../src/simulation/checkers/departures.ts'
import type { OperationRecord } from '../../../src/simulation/history.ts'
import type { Departure } from '../../../src/simulation/observations.ts'
import { del, get, historyOf, messages, put, refused, unknown } from './by-hand.ts'

const found = (
  /** Of the key k, in the copy. */
  version: string | null,
  operations: readonly OperationRecord[],
  { mayForget = false, term = 1 } = {},
): string => {
  const departure: Departure = {
    ...{ dataset: 'd', group: 'g', copy: [{ key: 'k', version }], term, atMs: 100 },
  }
  const options = { mover: 'mover', mayForget: () => mayForget }
  return messages(checkDepartures(historyOf(...operations), [departure], options)).join()
}

const written = put('k=1', [0, 5], '1.4')
const deleted = (version: string, times: [number, number | null] = [10, 15]): OperationRecord =>
  del('k', times, { kind: 'deleted', version })

test('M: what was acknowledged is in the copy, or something later is', () => {
  assert.is(found('1.4', [written]), '')
  assert.is(found('1.9', [written, put('k=2', [10, null], null)]), '')
  assert.match(found('1.3', [written]), /d k: 1 was acknowledged, and the copy .* g went is older/)
  assert.match(found('1.4', [written, deleted('1.6')]), /a deletion was acknowledged, .* is older/)
})

test('M: what is missing from the copy was deleted, or may have been', () => {
  assert.match(found(null, [written]), /nothing of it is in the copy/)
  assert.is(found(null, [written, deleted('1.6')]), '')
  assert.is(found(null, [written, del('k', [10, 20], unknown)]), '')
  assert.is(found(null, [written, del('k', [10, null])]), '')
  // Before the write, too late, refused; and the end itself is no reason.
  assert.match(found(null, [written, deleted('1.2')]), /nothing of it/)
  assert.match(found(null, [put('k=1', [20, 25], '1.4'), del('k', [10, 15])]), /nothing of it/)
  assert.match(found(null, [written, del('k', [101, 102])]), /nothing of it/)
  assert.match(found(null, [written, del('k', [10, 15], refused)]), /nothing of it/)
  assert.match(
    found(null, [written, { ...del('k', [10, null]), client: 'mover' }]),
    /nothing of it/,
  )
})

test('M: nothing is accepted once it has gone, unless its home may have left the dataset', () => {
  const later = put('k=2', [110, 115], '2.1')
  assert.match(found('1.4', [written, later]), /2 was acknowledged though g had gone elsewhere/)
  assert.is(found('1.4', [written, later], { mayForget: true }), '')
  // Under the term that has ended it can only be older than the end, whatever is forgotten.
  const tooLate = put('k=2', [110, 115], '1.7')
  assert.match(found('1.4', [written, tooLate], { mayForget: true }), /is older/)
  assert.is(found('1.4', [written, put('k=2', [110, 115], refused), get('k', [120, 125], '-')]), '')
})

test.run()
