/** Keys and raw targets: what is taken keeps the grammar, and an independent reading agrees. */

import { datasetTarget, keyTarget, parseQuery, splitTarget } from '../../../src/api/target.ts'
import { compareUtf8, utf8Length } from '../../../src/model/bytes.ts'
import { DenizenError } from '../../../src/model/errors.ts'
import { decodePathText, parseKey, parseKeyPrefix } from '../../../src/model/key.ts'
import { fromTexts, mutateText } from '../mutate.ts'
import { type FuzzTarget, rule } from '../target.ts'

const words = fromTexts(
  ...['/', '//', '.', '..', '/../', '/./', '%2e', '%2E%2e', '%2F', '%2f', '%', '%zz', '%25', '%00'],
  ...['%c3%a9', '%c0%af', '%ed%a0%80', '%f4%90%80%80', '%ef%bb%bf', '#', '?', '&', '=', '+'],
  ...['\\', 'é', '\u{1f600}', 'http://x', 'HTTPS://u:p@h/', '/v1/kv/', '?prefix=', '&after=', ';'],
)
const valid = [
  '/v1/kv/profiles/eu/anna',
  '/v1/kv/profiles/a%20b/%C3%A9?via=us-east',
  'http://node.test/v1/kv/cities/x',
  '/v1/kv/profiles?prefix=eu%2F&limit=10&after=eu/a',
]

export const open = (): FuzzTarget => ({
  generate: random => mutateText(random, random.pick(valid), words),
  check(input) {
    // As Node gives targets out: each byte a character.
    const target = splitTarget(Buffer.from(input).toString('latin1'))
    rule(!target.path.includes('?'), 'the path ends where the query begins')
    const key = refused(() => keyTarget(target.path, '/v1/kv/').key)
    const raw = refused(() => datasetTarget(target.path, '/v1/kv/').rest ?? '')
    if (raw !== undefined) rule(key === expectedKey(raw), 'the key is what was sent')
    for (const [name, value] of Object.entries(refused(() => parseQuery(target.query)) ?? {})) {
      rule(name.isWellFormed() && value.isWellFormed(), 'parameters are texts')
      refused(() => parseKeyPrefix(value))
    }
  },
})

function refused<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof DenizenError && error.status < 500) return undefined
    throw error
  }
}

/** The grammar of keys once more, from its definition. */
function expectedKey(raw: string): string | undefined {
  const text = refused(() => decodePathText(raw))
  if (text === undefined || raw.includes('#')) return undefined
  rule(text === decodedByNode(raw), 'percent-encoding means what it means elsewhere')
  const isPlain = /^(?!\.{0,2}(?:\/|$))[^/]+(?:\/(?!\.{0,2}(?:\/|$))[^/]+)*$/s.test(text)
  const key = refused(() => parseKey(text))
  rule(key === undefined || (isPlain && utf8Length(key) <= 1_024), 'a key keeps the grammar')
  rule(key === undefined || compareUtf8(key, key) === 0, 'a key is equal to itself')
  return key
}

function decodedByNode(raw: string): string | undefined {
  try {
    return decodeURIComponent(raw)
  } catch {
    return undefined
  }
}
