import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { AccessControl } from '../../src/access/access-control.ts'
import type { JwtRules } from '../../src/access/access-file.ts'
import { accessWith, whoIs } from './access-world.ts'

const signer = await generateKeyPair('ES256')
const stranger = await generateKeyPair('ES256')
const publicKey = { ...(await exportJWK(signer.publicKey)), kid: 'k1' }
const otherKind = await generateKeyPair('EdDSA')
const otherKey = { ...(await exportJWK(otherKind.publicKey)), kid: 'k2' }
const keys = { keys: [publicKey, otherKey] }

const rules: JwtRules = {
  issuer: 'https://login.example',
  audience: 'denizen',
  algorithms: ['ES256'],
  jwks: 'keys.json',
}
const good: JWTPayload = {
  iss: rules.issuer,
  aud: 'denizen',
  sub: 'anna',
  exp: 600,
  denizen: [{ dataset: 'profiles', verbs: ['read'], prefix: 'eu/' }],
}

async function bearer(
  payload: JWTPayload,
  { key = signer.privateKey, alg = 'ES256', kid = 'k1' }: SignOptions = {},
): Promise<string> {
  return `Bearer ${await new SignJWT(payload).setProtectedHeader({ alg, kid }).sign(key)}`
}
interface SignOptions {
  readonly key?: CryptoKey | Uint8Array
  readonly alg?: string
  readonly kid?: string
}

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

async function principalOf(access: AccessControl, authorization: string): Promise<string> {
  const found = await whoIs(access, authorization)
  return typeof found === 'string' ? (found.split(':')[0] ?? '') : found.principal
}

test('a signed JWT has the scopes of its claim', async () => {
  const { access } = accessWith({ jwt: rules }, keys)
  const caller = await whoIs(access, await bearer(good))
  if (typeof caller === 'string') throw new Error(caller)
  assert.is(caller.principal, 'jwt anna')
  assert.ok(caller.permits('read', 'profiles', 'eu/x', false))
  assert.not(caller.permits('read', 'profiles', 'us/x', false))
})

test('another claim may hold the scopes', async () => {
  const claim = 'https://denizen.example/scopes'
  const { access } = accessWith({ jwt: { ...rules, claim } }, keys)
  assert.is(await principalOf(access, await bearer(good)), 'unauthenticated')
  const { denizen, ...rest } = good
  assert.is(await principalOf(access, await bearer({ ...rest, [claim]: denizen })), 'jwt anna')
})

test('what is wrong in any claim, key or algorithm is refused', async () => {
  const { access } = accessWith({ jwt: rules }, keys)
  const { exp: _, ...endless } = good
  const { sub: __, ...nobody } = good
  const publicBytes = new TextEncoder().encode(JSON.stringify(publicKey))
  const refused: Readonly<Record<string, string>> = {
    issuer: await bearer({ ...good, iss: 'https://other.example' }),
    audience: await bearer({ ...good, aud: 'other' }),
    expired: await bearer({ ...good, exp: -6 }),
    'not yet valid': await bearer({ ...good, nbf: 60 }),
    endless: await bearer(endless),
    'without a subject': await bearer(nobody),
    'scopes that are none': await bearer({ ...good, denizen: 'profiles:read' }),
    'a verb too many': await bearer({ ...good, denizen: [{ dataset: 'a', verbs: ['all'] }] }),
    'another key': await bearer(good, { key: stranger.privateKey }),
    'another key by name': await bearer(good, { kid: 'k2' }),
    'an algorithm that is not pinned': await bearer(good, {
      ...{ key: otherKind.privateKey, alg: 'EdDSA', kid: 'k2' },
    }),
    'an algorithm that the public key would fit': await bearer(good, {
      ...{ key: publicBytes, alg: 'HS256' },
    }),
    'no algorithm': `Bearer ${part({ alg: 'none' })}.${part(good)}.`,
    'no signature': (await bearer(good)).replace(/\.[^.]*$/, '.'),
    'another payload': (await bearer(good)).replace(
      /\.[^.]*\./,
      `.${part({ ...good, sub: 'x' })}.`,
    ),
  }
  for (const [what, authorization] of Object.entries(refused)) {
    assert.is(await principalOf(access, authorization), 'unauthenticated', what)
  }
})

test('a JWT is remembered, until it expires', async () => {
  const { access, clock } = accessWith({ jwt: rules }, keys)
  const authorization = await bearer({ ...good, exp: 60 })
  const caller = await whoIs(access, authorization)
  clock.advance(59_000)
  assert.is(access.authenticate(authorization), caller)
  clock.advance(7_000)
  assert.is(await principalOf(access, authorization), 'unauthenticated')
})

test('a JWT that lives long is verified anew now and then', async () => {
  const { access, clock } = accessWith({ jwt: rules }, keys)
  const authorization = await bearer({ ...good, exp: 100_000 })
  const caller = await whoIs(access, authorization)
  clock.advance(300_000)
  const again = access.authenticate(authorization)
  assert.instance(again, Promise)
  assert.is.not(await again, caller)
})

test('keys from a URL; while they can not be had, that is what is said', async () => {
  let answers = false
  const server = createServer((_, reply) => {
    reply.statusCode = answers ? 200 : 500
    reply.setHeader('Content-Type', 'application/json')
    reply.end(JSON.stringify(keys))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const jwks = `http://127.0.0.1:${port}/jwks.json`
  const { access } = accessWith({ jwt: { ...rules, jwks } })
  assert.is(await principalOf(access, await bearer(good)), 'keys_unavailable')
  answers = true
  assert.is(await principalOf(access, await bearer(good)), 'jwt anna')
  await new Promise(resolve => {
    server.close(resolve)
    server.closeAllConnections()
  })
})

test.run()
