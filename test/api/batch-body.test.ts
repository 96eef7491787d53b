/** The quick way of reading operations takes only what the schema takes, and the same of it. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { bodySchema, isUsual, operationOf, operationsOf } from '../../src/api/batch-body.ts'
import { operationSchema } from '../../src/api/batch-schemas.ts'
import { valueFromItem } from '../../src/api/data-item.ts'
import { utf8 } from '../../src/model/bytes.ts'
import { DenizenError } from '../../src/model/errors.ts'
import { decodeCbor, encodeCbor } from '../../src/protocol/cbor.ts'
import { EncodedCbor } from '../../src/protocol/encoded-cbor.ts'
import { seededRandom } from '../support/seeded-random.ts'

const members: Readonly<Record<string, readonly unknown[]>> = {
  op: [undefined, 'get', 'put', 'delete', 'swap', 7],
  key: [undefined, 'a/b', 5],
  value: [undefined, { deep: ['é', null] }],
  type: [undefined, 'image/png', 1],
  bytes: [undefined, Uint8Array.of(1), 3],
  ifMatch: [undefined, '"0.1"', false],
  ttl: [undefined, '5s'],
  other: [undefined, 1],
}

/** Every combination of the members above. */
function* combinations(names = Object.keys(members)): Generator<Record<string, unknown>> {
  const [name, ...rest] = names
  if (name === undefined) yield {}
  else {
    for (const combination of combinations(rest)) {
      for (const member of members[name] ?? []) {
        yield member === undefined ? combination : { [name]: member, ...combination }
      }
    }
  }
}

test('what is usual, the schema takes without a change; what it takes, is usual', () => {
  let usual = 0
  for (const item of combinations()) {
    const parsed = operationSchema.safeParse(item)
    assert.is(isUsual(item), parsed.success, JSON.stringify(item))
    if (!parsed.success) continue
    assert.equal(parsed.data, item)
    usual += 1
  }
  assert.ok(usual >= 12)
  for (const item of [null, 1, 'get', [], ['op']]) assert.not(isUsual(item))
})

/** Values in their encoded form, as they are stored. */
const stored = (operation: object): object =>
  'value' in operation
    ? {
        ...operation,
        value: Buffer.from(valueFromItem(operation.value, 'cbor').bytes).toString('hex'),
      }
    : operation

test('read from CBOR, an operation is what decoding makes of it', () => {
  for (const item of combinations()) {
    const bytes = encodeCbor(item)
    if (operationSchema.safeParse(item).success) {
      assert.equal(stored(operationOf(bytes, 'cbor')), stored(item))
      assert.equal(operationsOf(encodeCbor({ ops: [item] }), 'cbor').map(stored), [stored(item)])
    } else {
      assert.throws(() => operationOf(bytes, 'cbor'), isBadRequest)
      assert.throws(() => operationsOf(encodeCbor({ ops: [item] }), 'cbor'), isBadRequest)
    }
  }
})

const isBadRequest = (error: unknown): boolean =>
  error instanceof DenizenError && error.code === 'bad_request'
const isBadBody = (error: unknown): boolean =>
  error instanceof DenizenError && error.code === 'bad_body'

test('values keep the bytes that they came in', () => {
  // A float of 16 bits, and a length in more bytes than it needs.
  const value = '82f93c00580101'
  const bytes = Uint8Array.fromHex(
    `a3626f7063707574636b65796161 6576616c7565${value}`.replace(' ', ''),
  )
  const operation = operationOf(bytes, 'cbor')
  assert.ok(operation.op === 'put' && operation.value instanceof EncodedCbor)
  assert.is(
    valueFromItem(operation.op === 'put' ? operation.value : 0, 'cbor').bytes.toHex(),
    value,
  )
})

test('forms that are seldom written are read all the same', () => {
  const indefinite = Uint8Array.fromHex('bf626f7063676574636b65796161ff')
  assert.equal(operationOf(indefinite, 'cbor'), { op: 'get', key: 'a' })
  const tagged = Uint8Array.fromHex('d9d9f7a2626f7063676574636b65796161')
  assert.equal(operationOf(tagged, 'cbor'), { op: 'get', key: 'a' })
})

test('malformed CBOR is refused wherever it is', () => {
  const fine = encodeCbor({ op: 'put', key: 'key', value: { a: 'text', b: [1, 2] } })
  for (let length = 0; length < fine.length; length++) {
    assert.throws(() => operationOf(fine.slice(0, length), 'cbor'), isBadBody)
  }
  for (let at = 0; at < fine.length; at++) {
    const broken = fine.slice()
    broken[at] = 0xff
    assert.throws(
      () => operationOf(broken, 'cbor'),
      (error: unknown) => isBadBody(error) || isBadRequest(error),
    )
  }
  const duplicate = Uint8Array.fromHex('a3626f7063676574636b65796161636b65796162')
  assert.throws(() => operationOf(duplicate, 'cbor'), isBadBody)
  const twoItems = Uint8Array.of(...encodeCbor({ op: 'get', key: 'a' }), 0)
  assert.throws(() => operationOf(twoItems, 'cbor'), isBadBody)
  assert.throws(() => operationsOf(Uint8Array.of(...encodeCbor({ ops: [] }), 0), 'cbor'), isBadBody)
  assert.throws(() => decodeCbor(duplicate), isBadBody)
})

test('read from CBOR, a batch is what the schema makes of it', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = seededRandom(seed)
    const key = (): string => random.pick(['a', 'é/b', 'k'.repeat(random.below(300)), '\u{1f600}'])
    const type = (): string => random.pick(['image/png', 'text/plain', 'x'.repeat(80), 'é'])
    const operation = (): object => {
      const others = random.oneIn(4)
        ? random.pick([{ ifMatch: '*' }, { ifNoneMatch: '"0.1"' }])
        : {}
      const op = random.pick(['get', 'put', 'put', 'delete'])
      if (op !== 'put') return { op, key: key(), ...others }
      const value = random.oneIn(2)
        ? { value: random.pick([1, null, { deep: [[]] }, 'text']) }
        : { bytes: new Uint8Array(random.below(30)), type: type() }
      return { ...value, ...others, key: key(), op, ...(random.oneIn(5) && { ttl: '5s' }) }
    }
    const body = { ops: Array.from({ length: random.below(12) }, operation) }
    const parsed = bodySchema.parse(body).ops
    assert.equal(operationsOf(encodeCbor(body), 'cbor').map(stored), parsed.map(stored))
  }
})

test('the same of JSON', () => {
  for (const item of combinations()) {
    if (item.bytes instanceof Uint8Array) continue
    const line = utf8(JSON.stringify(item))
    if (operationSchema.safeParse(item).success) assert.equal(operationOf(line, 'json'), item)
    else assert.throws(() => operationOf(line, 'json'), isBadRequest)
  }
})

test.run()
