import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  claimTerm,
  compareVersions,
  formatVersion,
  IMPLICIT_TERM,
  parseVersion,
} from '../../src/model/version.ts'

test('terms go before positions', () => {
  const sorted = [
    { term: 0, seq: 2 ** 52 },
    { term: 1, seq: 0 },
    { term: 1, seq: 1 },
    { term: 2 ** 32, seq: 0 },
  ]
  assert.equal(sorted.toReversed().sort(compareVersions), sorted)
  assert.is(compareVersions({ term: 1, seq: 1 }, { term: 1, seq: 1 }), 0)
})

test('versions are written and read', () => {
  for (const version of [
    { term: 0, seq: 0 },
    { term: 4_294_967_297, seq: 2 ** 53 - 1 },
  ]) {
    assert.equal(parseVersion(formatVersion(version)), version)
  }
  const bad = [
    '',
    '1',
    '1.',
    '.1',
    '01.1',
    '1.01',
    '1.1.1',
    '-1.1',
    '1.1 ',
    '1e3.1',
    '9007199254740992.1',
  ]
  for (const text of bad) assert.is(parseVersion(text), undefined, text)
})

test('every claimed term is above the implicit one, and epochs are above each other', () => {
  assert.ok(claimTerm(1, 1) > IMPLICIT_TERM)
  assert.ok(claimTerm(2, 1) > claimTerm(1, 2 ** 32 - 1))
  assert.ok(claimTerm(1, 2) > claimTerm(1, 1))
})

test.run()
