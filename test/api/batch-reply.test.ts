/** The quick way of writing results gives the bytes that their objects give. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Executed } from '../../src/api/batch-execution.ts'
import type { Planned } from '../../src/api/batch-operation.ts'
import { itemsOf, replyOf } from '../../src/api/batch-reply.ts'
import { resultOf } from '../../src/api/batch-results.ts'
import { ReadConditions } from '../../src/api/preconditions.ts'
import type { Outcome, Receipt } from '../../src/execution/operation.ts'
import { fromUtf8, utf8 } from '../../src/model/bytes.ts'
import { DenizenError } from '../../src/model/errors.ts'
import { parseKey } from '../../src/model/key.ts'
import { encodeCbor } from '../../src/protocol/cbor.ts'
import { writeCbor } from '../../src/protocol/cbor-writer.ts'
import { type SeededRandom, seededRandom } from '../support/seeded-random.ts'

const values: readonly (readonly [string, Uint8Array])[] = [
  ['application/octet-stream', new Uint8Array(300).fill(7)],
  ['application/octet-stream', new Uint8Array()],
  ['text/plain;charset=utf-8', utf8('é')],
  ['application/json', utf8('{"a":[1,2.5,"x"]}')],
  ['application/json', utf8('[12345678901234567890]')],
  ['application/json', utf8('{')],
  ['application/cbor', encodeCbor({ a: [1, null] })],
  ['Application/CBOR; x=1', Uint8Array.fromHex('9f01ff')],
  ['application/cbor', Uint8Array.of(0xff)],
  [`x/${'y'.repeat(200)}`, Uint8Array.of(1)],
]
const numbers = [0, 1, 9, 10, 99, 2 ** 31 - 1, 2 ** 31, 10 ** 9, 10 ** 10 - 1, 2 ** 53 - 1]

const receiptOf = (random: SeededRandom): Receipt => ({
  ...random.pick([{ home: 'eu-west' }, { home: 'us-east' }, {}]),
  ...(random.oneIn(5) && { relay: 'us-west' }),
  ...{ servedBy: 'eu-west', role: 'home' },
})

function outcomeOf(random: SeededRandom): Outcome {
  const version = { term: random.pick(numbers), seq: random.pick(numbers) }
  const receipt = receiptOf(random)
  const [mediaType, value] = random.pick(values)
  return random.pick<Outcome>([
    { kind: 'found', version, mediaType, value, receipt },
    { kind: 'found', version, mediaType, value, receipt },
    { kind: 'absent', receipt },
    { kind: 'written', version, created: random.oneIn(2), receipt },
    { kind: 'deleted', version, receipt },
    { kind: 'failed', error: new DenizenError('damaged_record', 'it is') },
    {
      kind: 'failed',
      error: new DenizenError('version_mismatch', 'another', { extra: { current: '0.1' } }),
      receipt,
    },
  ])
}

function planOf(random: SeededRandom): Planned {
  const error = new DenizenError('redirect', 'elsewhere', { extra: { region: 'us-east' } })
  const conditions = random.oneIn(4)
    ? new ReadConditions(random.pick([{ ifMatch: '"0.1"' }, { ifNoneMatch: '*' }]))
    : undefined
  const operation = { kind: 'get', key: parseKey('a') } as const
  const run: Planned = { kind: 'run', operation, conditions, stored: true }
  return random.pick<Planned>([
    run,
    run,
    run,
    { kind: 'diverted', error },
    { kind: 'failed', error },
  ])
}

function executed(random: SeededRandom): Executed {
  const planned = Array.from({ length: random.below(40) }, () => planOf(random))
  const outcomes = planned.map(({ kind }) => (kind === 'run' ? outcomeOf(random) : undefined))
  return { planned, outcomes, session: random.oneIn(2) ? 'token' : undefined }
}

const objectsOf = ({ planned, outcomes }: Executed, format: 'cbor' | 'json'): object[] =>
  planned.map((plan, index) => resultOf(plan, outcomes[index], format))

test('a reply is that of its results as objects', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const all = executed(seededRandom(seed))
    const results = objectsOf(all, 'cbor')
    assert.is(replyOf(all, 'cbor').toHex(), writeCbor({ results }).toHex(), `seed ${seed}`)
    const text = JSON.stringify({ results: objectsOf(all, 'json') })
    assert.is(fromUtf8(replyOf(all, 'json')), text)
  }
})

test('items of a stream are the results, and the last one has the token', () => {
  const withToken = (results: object[], { session }: Executed): object[] => {
    const last = results.at(-1)
    return last && session !== undefined ? results.with(-1, { ...last, session }) : results
  }
  for (let seed = 1; seed <= 300; seed++) {
    const all = executed(seededRandom(seed))
    const items = withToken(objectsOf(all, 'cbor'), all).map(item => writeCbor(item).toHex())
    assert.is(itemsOf(all, 'cbor').toHex(), items.join(''), `seed ${seed}`)
    const lines = withToken(objectsOf(all, 'json'), all).map(item => `${JSON.stringify(item)}\n`)
    assert.is(fromUtf8(itemsOf(all, 'json')), lines.join(''))
  }
})

test.run()
