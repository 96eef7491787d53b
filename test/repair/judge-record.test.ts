/** Who is right about one record, for every way in which regions can have it, name it, or not. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  type HeldRecord,
  judgeRecord,
  type RecordCase,
  type Witness,
} from '../../src/repair/judge-record.ts'

const seq = 5
const absent: HeldRecord = { state: 'absent' }
const damaged: HeldRecord = { state: 'damaged' }
const held = (at = seq, checksum = `sum ${at}`): HeldRecord => ({
  ...{ state: 'sound', version: { term: 1, seq: at }, checksum },
})
const record = {
  ...{ key: 'k', version: { term: 1, seq }, feed: 1, tombstone: false, checksum: `sum ${seq}` },
}

const witness = (region: string, more: Partial<Witness> = {}): Witness => ({
  ...{ region, held: absent, names: false, complete: 9 },
  ...more,
})

const asked = (more: Partial<RecordCase>): RecordCase => ({
  ...{ kind: 'lacks', record, mine: witness('me'), others: [], isWhole: true, host: 'host' },
  ...{ peer: 'peer', isOfHistory: false },
  ...more,
})

const verdict = (more: Partial<RecordCase>): string => {
  const judged = judgeRecord(asked(more))
  return judged.kind === 'take' ? `take from ${judged.from}` : judged.kind
}

test('a record is taken where its host has it or names it, or this copy once had it', () => {
  const peer = witness('peer', { held: held(), names: true })
  const host = witness('host', { held: held(), names: true })
  assert.is(verdict({ others: [peer, host] }), 'take from host')
  assert.is(verdict({ others: [peer, witness('host', { names: true })] }), 'take from peer')
  assert.is(verdict({ others: [peer, witness('host', { held: held() })] }), 'take from host')
  assert.is(verdict({ mine: witness('me', { names: true }), others: [peer] }), 'take from peer')
  assert.is(verdict({ others: [peer, witness('host')] }), 'unproven', 'the host knows of no such')
  assert.is(verdict({ others: [peer] }), 'unproven', 'the host is away')
})

test('a host takes back what a copy of its own history names', () => {
  const at = { host: 'me', isOfHistory: true } as const
  const peer = witness('peer', { held: held(), names: true })
  const third = witness('third', { held: held(), names: true })
  assert.is(verdict({ ...at, others: [peer] }), 'take from peer')
  assert.is(verdict({ ...at, isOfHistory: false, others: [peer] }), 'unproven', 'a lost history')
  assert.is(verdict({ ...at, others: [{ ...peer, names: false }] }), 'unproven', 'made up there')
  assert.is(verdict({ ...at, others: [witness('peer'), third] }), 'unproven', 'not the one asked')
})

test('of a closed feed a record is taken from who names it, or got it after the end of the feed', () => {
  const closed = { host: undefined } as const
  const peer = witness('peer', { held: held() })
  const later = { ...peer, complete: seq - 1 }
  const third = witness('third', { held: held(), names: true })
  assert.is(verdict({ ...closed, others: [{ ...peer, names: true }] }), 'take from peer')
  assert.is(verdict({ ...closed, others: [later, witness('third')] }), 'take from peer')
  assert.is(verdict({ ...closed, others: [peer, third] }), 'take from peer', 'the third names it')
  assert.is(verdict({ ...closed, others: [peer] }), 'unproven', 'its index should name it')
  assert.is(verdict({ ...closed, others: [witness('peer', { complete: 0 })] }), 'unproven')
  assert.is(verdict({ others: [later] }), 'unproven', 'the feed has a host, and it is away')
  for (const at of [seq, seq + 1]) {
    const mine = witness('me', { held: held(at) })
    assert.is(verdict({ ...closed, mine, others: [later] }), 'leave')
  }
})

test('no copy goes back, past its cursors, or over what is damaged', () => {
  const others = [witness('host', { held: held(), names: true })]
  for (const at of [seq, seq + 1]) {
    assert.is(verdict({ mine: witness('me', { held: held(at) }), others }), 'leave')
  }
  assert.is(verdict({ mine: witness('me', { held: held(seq - 1) }), others }), 'take from host')
  assert.is(verdict({ mine: witness('me', { complete: seq - 1 }), others }), 'leave')
  assert.is(verdict({ mine: witness('me', { held: damaged }), others }), 'leave')
  assert.is(verdict({ others: [witness('host', { held: held(6), names: true })] }), 'leave')
})

test('of two records of one version the one of its host counts', () => {
  const mine = witness('me', { held: held(seq, 'mine') })
  const host = witness('host', { held: held(seq, 'theirs') })
  const unlike = { kind: 'unlike', mine } as const
  assert.is(verdict({ ...unlike, others: [host] }), 'take from host')
  assert.is(verdict({ ...unlike, others: [host], host: 'me' }), 'leave', 'this is the host')
  assert.is(verdict({ ...unlike, others: [witness('host', { held: mine.held })] }), 'leave')
  assert.is(verdict({ ...unlike, others: [witness('peer', { held: host.held })] }), 'unproven')
  assert.is(verdict({ ...unlike, others: [witness('host', { held: held(6) })] }), 'unproven')
})

test('a record is given up only if everybody has answered and nobody vouches for it', () => {
  const mine = witness('me', { held: held() })
  const extra = { kind: 'extra', mine } as const
  const nobody = [witness('host'), witness('peer')]
  assert.is(verdict({ ...extra, others: nobody }), 'give up')
  const saved: readonly Partial<RecordCase>[] = [
    { isWhole: false },
    { host: 'me' },
    { host: undefined },
    { mine: { ...mine, names: true } },
    { mine: { ...mine, held: held(6) } },
    { others: [witness('peer')] },
    { others: [witness('host', { complete: seq - 1 }), witness('peer')] },
    { others: [witness('host', { names: true }), witness('peer')] },
    { others: [witness('host'), witness('peer', { names: true })] },
    { others: [witness('host'), witness('peer', { held: held() })] },
    { others: [witness('host', { held: damaged }), witness('peer')] },
    { others: [witness('host'), witness('peer', { held: damaged })] },
    { others: [witness('host', { held: held(6) }), witness('peer')] },
  ]
  for (const change of saved) {
    const judged = verdict({ ...extra, others: nobody, ...change })
    assert.ok(['leave', 'unproven'].includes(judged), `${judged} ${JSON.stringify(change)}`)
  }
})

test('what the host names and the other copy lacks is the other one to mend', () => {
  const mine = witness('me', { held: held() })
  const others = [witness('host', { names: true }), witness('peer')]
  assert.is(verdict({ kind: 'extra', mine, others }), 'leave')
})

test('in the place of what nobody wrote comes what the host has, if nothing is newer', () => {
  const mine = witness('me', { held: held() })
  const host = witness('host', { held: held(3) })
  const extra = { kind: 'extra', mine } as const
  assert.is(verdict({ ...extra, others: [host, witness('peer')] }), 'take from host')
  const ahead = witness('peer', { held: held(4) })
  assert.is(verdict({ ...extra, others: [host, ahead] }), 'unproven')
})

test.run()
