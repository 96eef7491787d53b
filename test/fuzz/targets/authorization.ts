/** Bearer tokens and JWTs: nothing but the very credentials that were given out lets anybody in. */
import { importJWK, SignJWT } from 'jose'
import { DenizenError } from '../../../src/model/errors.ts'
import { accessWith } from '../../access/access-world.ts'
import { knownToken } from '../known-token.ts'
import { fromTexts, mutateText } from '../mutate.ts'
import { type FuzzTarget, rule } from '../target.ts'

const scopes = [{ dataset: 'profiles', verbs: ['read' as const], prefix: 'eu/' }]
const issuer = 'https://login.example'

/** The key of RFC 8037, appendix A: its signatures are the same in every run. */
const publicKey = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }
const d = 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A'

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const words = fromTexts(
  ...['Bearer ', 'bearer', 'Basic ', 'dz_', '_', '.', '..', '=', ' ', '\t', ',', 'é', '\u0000'],
  ...[
    part({ alg: 'none' }),
    part({ alg: 'HS256', kid: 'k1' }),
    part({ alg: 'EdDSA', crit: ['x'] }),
  ],
  ...[part({ alg: 'EdDSA', b64: false, crit: ['b64'] }), part({ sub: 'root', exp: 2 ** 40 })],
  ...[part({ alg: 'EdDSA', jku: 'http://x' }), part([]), Buffer.from('{').toString('base64url')],
)

export async function open(): Promise<FuzzTarget> {
  const known = await knownToken(scopes)
  const jwt = await new SignJWT({ denizen: scopes })
    .setProtectedHeader({ alg: 'EdDSA', kid: 'k1' })
    .setIssuer(issuer)
    .setAudience('denizen')
    .setSubject('anna')
    .setExpirationTime(600)
    .sign(await importJWK({ ...publicKey, d }, 'EdDSA'))
  const { access } = accessWith(
    {
      tokens: [known.entry],
      jwt: { issuer, audience: 'denizen', algorithms: ['EdDSA'], jwks: 'keys.json' },
    },
    { keys: [{ ...publicKey, kid: 'k1' }] },
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
