/** Access files: read as a whole, or refused as a whole with reasons. */
import { isUrl, parseAccessFile, ratesIn } from '../../../src/access/access-file.ts'
import { accessWith } from '../../access/access-world.ts'
import { fromTexts, mutateText } from '../mutate.ts'
import { type FuzzTarget, rule } from '../target.ts'

const sample = `tokens:
  - id: m1234567890a
    hash: "${'0a'.repeat(32)}"
    name: the shop
    created: "2026-01-01T00:00:00Z"
    expires: "2027-01-01T00:00:00Z"
    scopes:
      - { dataset: profiles, verbs: [read, list], prefix: "eu/" }
      - { dataset: "*", verbs: [admin], hint: true }
    rate: 100
jwt:
  issuer: https://login.example
  audience: denizen
  algorithms: [ES256, EdDSA]
  jwks: https://login.example/keys
  claim: scopes
quotas:
  profiles: { records: 1000000, rate: 0.5 }
anonymous:
  - { dataset: cities, verbs: [read] }
`
const words = fromTexts(
  ...['!', '&a ', '*a', '<<: *a', '__proto__', 'constructor', 'no', '~', '{', '}', '[', ']', ': '],
  ...['- ', '\n', '\n  ', '\t', '"', "'", '---\n', '-1', '1e999', '.inf', '.nan', '"*"', 'r', 'é'],
  ...['HS256', 'none', 'http://', 'file:///etc/passwd', 'http://127.0.0.1/', 'https://[', '../'],
)

export const open = (): FuzzTarget => ({
  generate: random => mutateText(random, sample, words),
  check(input) {
    const text = new TextDecoder().decode(input)
    const { file, diagnostics } = parseAccessFile({ file: 'access.yaml', text })
    const hasErrors = diagnostics.some(({ severity }) => severity === 'error')
    rule((file === undefined) === hasErrors, 'there is a file where there are no errors')
    if (!file) return
    for (const rate of ratesIn(file).values()) rule(rate > 0 && rate < 2 ** 31, 'rates have bounds')
    // A file of keys is read by the shell; without one, rules of a file name have no URL.
    const { jwt: _, ...rest } = file
    accessWith(file.jwt && isUrl(file.jwt.jwks) ? file : rest)
  },
})
