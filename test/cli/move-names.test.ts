/** What a group is called in another partition, and which can't go there; what a copy lacks. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CliError, exitCodes } from '../../src/cli/exit-codes.ts'
import { deadlineToleranceMs, differenceOf, isSame } from '../../src/cli/move/differences.ts'
import { GroupDigest, recordDigest } from '../../src/cli/move/digests.ts'
import { Journal } from '../../src/cli/move/journal.ts'
import { keyWithRest, renaming, restOf } from '../../src/cli/move/names.ts'
import { dataset } from '../support/policies.ts'

const names = suite('names')
const partition = (prefix: string, groupBySegments: number | null = 2) => ({
  ...dataset(`tenants/${prefix}`, ['one']),
  ...{ name: 'tenants', prefix, groupBySegments },
})
const tenants = [partition('eu/'), partition('us/'), partition('us/gov/')]

names('the prefix of the one partition takes the place of that of the other', () => {
  const { from, to } = renaming(tenants, 'tenants', 'eu/alice', 'us/')
  assert.equal([from.group, to.group], ['eu/alice', 'us/alice'])
  assert.is(keyWithRest(to, restOf(from, 'eu/alice/a/b')), 'us/alice/a/b')
  const whole = [partition('eu/', null), partition('here/us/', null)]
  const key = renaming(whole, 'tenants', 'eu/a/b', 'here/us/')
  assert.is(key.to.group, 'here/us/a/b', 'keys that are groups go anywhere')
})

names('what can not go is refused, with a reason', () => {
  const refused = (
    asked: [group: string, to: string],
    placements = tenants,
    name = 'tenants',
  ): string => {
    try {
      renaming(placements, name, ...asked)
    } catch (error) {
      if (error instanceof CliError && error.exitCode === exitCodes.usage) return error.message
      throw error
    }
    return 'nothing is wrong'
  }
  assert.match(refused(['eu/a', 'us/'], tenants, 'nobody'), 'no dataset nobody')
  assert.match(refused(['eu/a', 'eu/']), 'is in eu/ already')
  assert.match(refused(['eu/a', 'us']), 'us is in no partition')
  assert.match(refused(['eu/a', 'jp/']), 'jp/ is in no partition')
  assert.match(refused(['jp/a', 'us/']), 'jp/a is in no partition')
  assert.match(refused(['eu/a/b', 'us/']), 'a key within the group eu/a')
  assert.match(refused(['eu/~one~x1', 'us/']), 'says that its home is one')
  assert.match(refused(['eu/a', 'us/gov/']), 'not the same number of segments')
  assert.match(refused(['eu/gov', 'us/']), 'would lie in us/gov/')
  assert.match(refused(['eu//a', 'us/']), 'no group')
  assert.match(refused(['a', 'us/'], [partition('')]), 'has no partitions')
})

names('a key that would become too long is refused', () => {
  const { to } = renaming(
    [partition('e/', null), partition('europe/', null)],
    ...(['tenants', 'e/a', 'europe/'] as const),
  )
  assert.throws(() => keyWithRest(to, 'k'.repeat(1_020)), /no key/)
})

names.run()

const differences = suite('differences')
const ours = { isOurs: () => true, acknowledged: '"1.1"' }
const copy = { digest: 'd', expiresAtMs: undefined, etag: '"1.1"' }
const original = { digest: 'd', expiresAtMs: undefined }

differences('only what is the same, and was acknowledged in this run, is left alone', () => {
  assert.is(differenceOf(original, copy, ours).kind, 'none')
  assert.equal(differenceOf(original, undefined, ours), { kind: 'write', over: undefined })
  const again = { kind: 'write', over: '"1.1"' }
  assert.equal(differenceOf({ ...original, digest: 'e' }, copy, ours), again)
  assert.equal(differenceOf(original, copy, { ...ours, acknowledged: undefined }), again)
  assert.equal(differenceOf(original, { ...copy, expiresAtMs: 1 }, ours), again)
  assert.equal(differenceOf(undefined, copy, ours), { kind: 'delete', over: '"1.1"' })
  assert.is(differenceOf(undefined, undefined, ours).kind, 'none')
})

differences('what is not of this move is never written over, nor deleted', () => {
  const foreign = { ...ours, isOurs: () => false }
  assert.is(differenceOf(original, copy, foreign).kind, 'foreign')
  assert.is(differenceOf(undefined, copy, foreign).kind, 'foreign')
})

differences('deadlines may differ by what clocks and ways take', () => {
  const at = (expiresAtMs: number) => ({ ...copy, expiresAtMs })
  assert.ok(isSame(at(10_000), at(10_000 + deadlineToleranceMs)))
  assert.not.ok(isSame(at(10_000), at(10_001 + deadlineToleranceMs)))
})

differences('digests tell contents apart, whatever they are cut into', () => {
  const contents = [
    { rest: 'a', mediaType: 'b', bytes: Buffer.from('c') },
    { rest: 'ab', mediaType: '', bytes: Buffer.from('c') },
    { rest: 'a', mediaType: '', bytes: Buffer.from('bc') },
  ]
  assert.is(new Set(contents.map(content => recordDigest('salt', content))).size, 3)
  const [content] = contents as [(typeof contents)[0]]
  assert.is.not(recordDigest('salt', content), recordDigest('pepper', content))
  const digests = contents.map(one => {
    const digest = new GroupDigest()
    digest.add(one)
    return digest.end().digest
  })
  assert.is(new Set(digests).size, 3)
})

differences.run()

const journals = suite('journals')
const scratch = mkdtempSync(join(tmpdir(), 'denizen-journal-'))
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }))
const copied = { to: 'us/', group: 'h', records: 1, bytes: 2, digest: 'a'.repeat(64) }

journals('what was announced is there again, and a line that was cut off is not', async () => {
  const path = join(scratch, 'one')
  assert.is(await Journal.reopen(path, 'it'), undefined)
  const first = await Journal.begin(path, 'it', 7)
  await first.writes('w1', ['d1'])
  await first.writes('w2', ['d2'])
  await first.answered('w1')
  await first.ends(copied)
  await first.close()
  appendFileSync(path, '{"copies":["d3"],"wri')
  const second = await Journal.reopen(path, 'it')
  assert.ok(second)
  assert.equal([second.head.erasedTerm, second.head.salt], [7, first.head.salt])
  assert.equal(
    ['d1', 'd2', 'd3'].map(digest => second.has(digest)),
    [true, true, false],
  )
  assert.equal(second.copied, copied)
  assert.equal(second.unanswered, ['w2'])
  await second.writes('w4', ['d4'])
  const last = readFileSync(path, 'utf8').trimEnd().split('\n').at(-1)
  assert.is(last, '{"copies":["d4"],"write":"w4"}')
  await second.remove()
  assert.is(await Journal.reopen(path, 'it'), undefined)
})

journals('the state of another move, or something else, is refused', async () => {
  const path = join(scratch, 'two')
  await (await Journal.begin(path, 'it', null)).close()
  const refused = async (move: string) => {
    const error = await Journal.reopen(path, move).catch((failed: unknown) => failed)
    assert.instance(error, CliError)
  }
  await refused('another')
  writeFileSync(path, 'a letter\n')
  await refused('it')
})

journals.run()
