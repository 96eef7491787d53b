/** Receipts: what is signed, who can verify it, and what a change of one letter does. */
import { createPublicKey, verify } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  canonicalText,
  type Draft,
  type KnownKey,
  parseReceipt,
  type Receipt,
  signReceipt,
  verifyReceipt,
} from '../../src/receipts/receipt.ts'
import { ed25519Keys, signEd25519, verifyEd25519 } from '../../src/runtime/signing.ts'
import { seededRandom } from '../support/seeded-random.ts'

const random = seededRandom(3)
const pair = ed25519Keys(random.bytes(32))
const key: KnownKey = { id: 'receipts-1', public: pair.public, sinceMs: 1_000 }
const signer = { keyId: key.id, sign: (bytes: Uint8Array) => signEd25519(pair.private, bytes) }

const draft: Draft = {
  ...{ cluster: 'acme', clusterId: 'c1', issuedAtMs: 5_000 },
  what: { kind: 'erase', dataset: 'profiles', group: 'hmac', term: 7 },
  regions: [{ region: 'eu-west', confirmedAtMs: 4_000, evidence: { records: 3, rows: 9 } }],
  open: [{ region: 'eu-central', reason: 'not reached' }],
  cannotProve: ['what clients have kept'],
}
const signed = signReceipt(draft, signer)
const verdict = (receipt: Receipt, keys: readonly KnownKey[] = [key]) =>
  verifyReceipt(receipt, keys, verifyEd25519)

test('a receipt verifies, also after it was written to a file in another order', () => {
  assert.is(verdict(signed).kind, 'sound')
  const turned = Object.fromEntries(Object.entries(JSON.parse(JSON.stringify(signed))).reverse())
  assert.is(verdict(parseReceipt(turned)).kind, 'sound')
})

test('whatever is changed in it shows', () => {
  const changed: Receipt[] = [
    { ...signed, cluster: 'other' },
    { ...signed, open: [] },
    { ...signed, cannotProve: [] },
    { ...signed, what: { ...signed.what, dataset: 'ledger' } },
    { ...signed, regions: [{ ...signed.regions[0], confirmedAtMs: 1 } as Receipt['regions'][0]] },
    { ...signed, signature: Buffer.alloc(64).toString('base64') },
    { ...signed, signature: 'no' },
  ]
  for (const receipt of changed) assert.is(verdict(receipt).kind, 'unsound')
})

test('a key that is not known, is another one, or was out of use, verifies nothing', () => {
  assert.is(verdict(signed, []).kind, 'unsound')
  const other = ed25519Keys(random.bytes(32))
  assert.is(verdict(signed, [{ ...key, public: other.public }]).kind, 'unsound')
  assert.is(verdict(signed, [{ ...key, untilMs: 4_999 }]).kind, 'unsound')
  assert.is(verdict(signed, [{ ...key, untilMs: 5_000 }]).kind, 'sound')
})

test('other tools verify it: canonical JSON, and a key in the usual form', () => {
  const { signature, ...rest } = JSON.parse(JSON.stringify(signed))
  const pem = `-----BEGIN PUBLIC KEY-----\n${pair.public}\n-----END PUBLIC KEY-----\n`
  const bytes = Buffer.from(canonicalText(rest))
  assert.ok(verify(null, bytes, createPublicKey(pem), Buffer.from(signature, 'base64')))
  assert.is(
    canonicalText({ b: [1, { d: 'ü"', c: null }], a: true }),
    '{"a":true,"b":[1,{"c":null,"d":"ü\\""}]}',
  )
})

test('fractions and unknown members are refused: they have more than one form', () => {
  assert.throws(() => parseReceipt({ ...signed, more: 1 }), /no receipt/)
  const what = { kind: 'erase', share: 0.5 }
  assert.throws(() => parseReceipt({ ...signed, what }), /no receipt/)
})

test.run()
