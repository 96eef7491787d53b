import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { formatDuration, isTtl, parseDuration } from '../../src/model/duration.ts'

test('the units of the grammar', () => {
  const known: [string, number][] = [
    ['500ms', 500],
    ['5s', 5_000],
    ['10m', 600_000],
    ['2h', 7_200_000],
    ['30d', 2_592_000_000],
    ['0s', 0],
  ]
  for (const [text, ms] of known) assert.is(parseDuration(text), ms)
})

test('anything else is no duration', () => {
  const texts = [
    '',
    '5',
    's',
    '5 s',
    '-5s',
    '1.5h',
    '05s',
    '5S',
    '2h30m',
    '5w',
    '9999999999999999d',
  ]
  for (const text of texts) assert.is(parseDuration(text), undefined, text)
})

test('a life is longer than nothing and no longer than a hundred years', () => {
  for (const text of ['1ms', '30d', '36500d']) assert.ok(isTtl(text), text)
  for (const text of ['0s', '36501d', '30', '']) assert.not(isTtl(text), text)
})

test('a duration is written in the largest unit that is exact, and read back', () => {
  assert.is(formatDuration(0), '0s')
  assert.is(formatDuration(90_000), '90s')
  assert.is(formatDuration(1_500), '1500ms')
  assert.is(formatDuration(86_400_000), '1d')
  for (const ms of [0, 1, 999, 60_000, 3_600_000, 5_400_000, 2_592_000_000]) {
    assert.is(parseDuration(formatDuration(ms)), ms)
  }
})

test.run()
