/**
 * Session tokens: only what this cluster has made is taken. A case that begins with `=` is what
 * another version of the cluster might have signed.
 */
import { fromUtf8 } from '../../../src/model/bytes.ts'
import { DenizenError } from '../../../src/model/errors.ts'
import { Session } from '../../../src/routing/session.ts'
import { hmacSha256 } from '../../../src/runtime/mac.ts'
import type { SeededRandom } from '../../support/seeded-random.ts'
import { fromTexts, mutateText } from '../mutate.ts'
import { type FuzzTarget, rule } from '../target.ts'

const MAC_LENGTH = 22
const mac = hmacSha256('07'.repeat(32))
const words = fromTexts(
  ':',
  ',',
  '%',
  '%2F',
  '%zz',
  'home',
  '*',
  '-',
  'zzzzzzzzzzz',
  '-1',
  '0',
  'é',
  '=',
)

export const open = (): FuzzTarget => ({
  generate(random) {
    const token = tokenOf(random)
    return random.oneIn(3)
      ? mutateText(random, `=${token.slice(MAC_LENGTH)}`, words)
      : mutateText(random, token, words)
  },
  check(input) {
    const text = textOf(input)
    if (text === undefined) return
    const signed = text.startsWith('=')
      ? mac(text.slice(1)).slice(0, MAC_LENGTH) + text.slice(1)
      : text
    try {
      const session = Session.decode(mac, signed)
      const body = signed.slice(MAC_LENGTH)
      rule(signed.startsWith(mac(body).slice(0, MAC_LENGTH)), 'nobody else has made it')
      Session.decode(
        mac,
        session.encode(mac, () => false),
      )
    } catch (error) {
      if (!(error instanceof DenizenError && error.code === 'bad_session')) throw error
    }
  },
})

function tokenOf(random: SeededRandom): string {
  const session = new Session()
  for (let left = 1 + random.below(random.oneIn(10) ? 200 : 5); left > 0; left--) {
    const dataset = random.pick(['profiles', 'tenants/eu/', 'cities'])
    const position = (1 + random.below(9)) * 2 ** 32 + random.below(1_000)
    session.add(dataset, { slot: random.below(64), feed: random.below(2 ** 20), position })
  }
  return session.encode(mac, () => random.oneIn(4))
}

function textOf(input: Uint8Array): string | undefined {
  try {
    return fromUtf8(input)
  } catch {
    return undefined
  }
}
