import { createHash } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  createToken,
  hashSecret,
  parseToken,
  sameHash,
  tokenIdPattern,
} from '../../src/access/token.ts'
import { systemRandom } from '../../src/runtime/random.ts'

test('a token has 256 random bits, and its hash is the SHA-256 of their text', async () => {
  const { id, token, hash } = await createToken(systemRandom)
  const parts = parseToken(token)
  assert.is(parts?.id, id)
  const secret = parts?.secret ?? ''
  assert.is(Buffer.from(secret, 'base64url').length, 32)
  assert.is(hash, createHash('sha256').update(secret).digest('hex'))
  assert.is(await hashSecret(secret), hash)
})

test('ids and secrets differ, and ids are never read as numbers', async () => {
  const tokens = await Promise.all(Array.from({ length: 500 }, () => createToken(systemRandom)))
  assert.is(new Set(tokens.map(({ id }) => id)).size, tokens.length)
  assert.is(new Set(tokens.map(({ hash }) => hash)).size, tokens.length)
  for (const { id } of tokens) assert.match(id, tokenIdPattern)
})

test('what is no token', () => {
  const secret = 'x'.repeat(43)
  assert.ok(parseToken(`dz_abcdefgh_${secret}`))
  const others = [
    ...['', 'dz_', `dz_abcdefgh_${secret}x`, `dz_abcdefgh_${secret.slice(1)}`],
    ...[`dz_1bcdefgh_${secret}`, `DZ_abcdefgh_${secret}`, `dz_abcdefgh_${secret}\n`, 'a.b.c'],
  ]
  for (const other of others) assert.is(parseToken(other), undefined, other)
})

test('hashes are the same only as a whole', () => {
  assert.ok(sameHash('ab', 'ab'))
  for (const other of ['aa', 'bb', 'a', 'abc', '']) assert.not(sameHash('ab', other))
})

test.run()
