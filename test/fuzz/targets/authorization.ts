/** Bearer tokens and JWTs: nothing but the very credentials that were given out lets anybody in. */
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { DenizenError } from '../../../src/model/errors.ts'
import { accessWith, tokenWith } from '../../access/access-world.ts'
import { fromTexts, mutateText } from '../mutate.ts'
import { type FuzzTarget, rule } from '../target.ts'

const scopes = [{ dataset: 'profiles', verbs: ['read' as const], prefix: 'eu/' }]
const issuer = 'https://login.example'

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const words = fromTexts(
  ...['Bearer ', 'bearer', 'Basic ', 'dz_', '_', '.', '..', '=', ' ', '\t', ',', 'é', '\u0000'],
  ...[part({ alg: 'none' }), part({ alg: 'HS256', kid: 'k1' }), part({ alg: 'ES256', crit: ['x'] })],
  ...[part({ alg: 'ES256', b64: false, crit: ['b64'] }), part({ sub: 'root', exp: 2 ** 40 })],
  ...[part({ alg: 'ES256', jku: 'http://x' }), part([]), Buffer.from('{').toString('base64url')],
)

export async function open(): Promise<FuzzTarget> {
  const { privateKey, publicKey } = await generateKeyPair('ES256')
  const known = await tokenWith(scopes)
  const jwt = await new SignJWT({ denizen: scopes })
    .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
    .setIssuer(issuer)
    .setAudience('denizen')
    .setSubject('anna')
    .setExpirationTime(600)
    .sign(privateKey)
  const { access } = accessWith(
    {
      tokens: [known.entry],
      jwt: { issuer, audience: 'denizen', algorithms: ['ES256'], jwks: 'keys.json' },
    },
    { keys: [{ ...(await exportJWK(publicKey)), kid: 'k1' }] },
  )
  const credentials = [known.authorization, `Bearer ${jwt}`]
  const given = new Set(credentials.map(signedPart))
  return {
    generate: random => mutateText(random, random.pick(credentials), words),
    async check(input) {
      const authorization = Buffer.from(input).toString('latin1')
      try {
        const caller = await access.authenticate(authorization)
        rule(given.has(signedPart(authorization)), `${caller.principal} was let in`)
        rule(!caller.permits('write', 'profiles', 'eu/', false), 'no more than was granted')
      } catch (error) {
        if (!(error instanceof DenizenError && error.code === 'unauthenticated')) throw error
      }
    },
  }
}

/** The token, or what the signature of the JWT covers: the signature has spare bits at its end. */
const signedPart = (authorization: string): string =>
  authorization
    .replace(/^Bearer +/i, '')
    .trimEnd()
    .replace(/^([^.]*\.[^.]*)\..*$/s, '$1')
