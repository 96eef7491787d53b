import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { DenizenError } from '../../src/model/errors.ts'
import { groupOf, serverAssignedRegion, serverAssignedSegment } from '../../src/model/group.ts'
import {
  decodePathText,
  encodeKeyForPath,
  type Key,
  parseKey,
  parseKeyPrefix,
} from '../../src/model/key.ts'

const isBadKey = (error: unknown): boolean =>
  error instanceof DenizenError && error.code === 'bad_key'

test('keys that are taken as they are', () => {
  for (const key of [
    'a',
    'a/b',
    '.a',
    'a.',
    '...',
    'ü/漢/\u{1f600}',
    ' ',
    'a'.repeat(1_024),
    '%2F',
  ]) {
    assert.is(parseKey(key), key)
  }
})

test('keys that are refused, by a text that does not repeat them', () => {
  const bad = ['', '/', '/a', 'a/', 'a//b', '.', '..', 'a/./b', '../a', 'a/..', '\ud800']
  for (const key of [...bad, 'a'.repeat(1_025), 'é'.repeat(513)]) {
    assert.throws(() => parseKey(key), isBadKey, JSON.stringify(key))
  }
  try {
    parseKey('secret//key')
    assert.unreachable()
  } catch (error) {
    assert.not.match(String(error), /secret/)
  }
})

test('a prefix is the beginning of a key', () => {
  for (const prefix of ['', 'a', 'a/', 'a/b', '.', '..', 'a/.']) {
    assert.is(parseKeyPrefix(prefix), prefix)
  }
  for (const prefix of ['/', 'a//', './a', 'a/../b', '\udc00', 'a'.repeat(1_025)]) {
    assert.throws(() => parseKeyPrefix(prefix), isBadKey, prefix)
  }
})

test('paths are decoded once', () => {
  assert.is(decodePathText('a%2Fb'), 'a/b')
  assert.is(decodePathText('%252F'), '%2F')
  assert.is(decodePathText('%C3%BC\u{1f600}'), 'ü\u{1f600}')
  for (const raw of ['%', '%2', '%zz', '%ff', '%C3', '%ed%a0%80']) {
    assert.throws(() => decodePathText(raw), isBadKey, raw)
  }
  for (const key of ['a/b', 'ü/%/?#', '\u{1f600} +&=', "!'()*"]) {
    assert.is(decodePathText(encodeKeyForPath(key)), key)
  }
})

test('groups are the leading segments, or all of a shorter key', () => {
  const cases: [string, number | null, string][] = [
    ['a/b/c', null, 'a/b/c'],
    ['a/b/c', 1, 'a'],
    ['a/b/c', 2, 'a/b'],
    ['a/b/c', 3, 'a/b/c'],
    ['a', 2, 'a'],
  ]
  for (const [key, segments, group] of cases) assert.is(groupOf(key as Key, segments), group)
})

test('a server-assigned segment names its region, and nothing else does', () => {
  assert.is(serverAssignedRegion(`a/b/${serverAssignedSegment('eu-west', 'x1')}`), 'eu-west')
  for (const group of ['a', '~', '~a', '~a~', '~a~b~c', '~A~b', 'x~a~b', '~a~b/c']) {
    assert.is(serverAssignedRegion(group), undefined, group)
  }
})

test.run()
