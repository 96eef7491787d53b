/** Texts of headers: ETag lists, Accept, media types, durations. Long ones take linear time. */

import { checkMediaType, essenceOf } from '../../../src/api/media-type.ts'
import { preferredFormat, problemFormat, represent } from '../../../src/api/negotiation.ts'
import { ReadConditions, writePrecondition } from '../../../src/api/preconditions.ts'
import { ttlMsOf } from '../../../src/api/ttl.ts'
import { utf8 } from '../../../src/model/bytes.ts'
import { DenizenError } from '../../../src/model/errors.ts'
import { timing } from '../../../src/model/limits.ts'
import { parseTraceParent } from '../../../src/model/trace-parent.ts'
import { parseVersion } from '../../../src/model/version.ts'
import { fromTexts, mutateText } from '../mutate.ts'
import { type FuzzTarget, rule } from '../target.ts'

const valid = [
  ...['"0.4294967297"', '"0.1", W/"0.1-j", "0.1-c"', '*', '"4294967296.9007199254740991"'],
  ...['application/cbor', 'application/json;q=0.5, */*;q=0.1', 'text/plain; charset="utf-8"'],
  ...['30d', '500ms', '9007199254740991ms', '36500d'],
  '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
]
const words = fromTexts(
  ...['"', ',', ';', '=', ' ', '\t', 'W/', '*', '*/*', 'q=', 'q=-1', 'q=1e9', '\\', '-j', '.', '/'],
  ...['application/', 'json', 'cbor', '999999999999999999', 'ms', 'd', '0', '-', '\u00ff'],
)
const version = { term: 0, seq: 1 }
/** What a header may be long: Node refuses more than that for all of them. */
const HEADER_BYTES_MAX = 16 * 1024

export const open = (): FuzzTarget => ({
  generate: random => mutateText(random, random.pick(valid), words).subarray(0, HEADER_BYTES_MAX),
  check(input) {
    const text = Buffer.from(input).toString('latin1')
    for (const name of ['ifMatch', 'ifNoneMatch'] as const) {
      refused(() => writePrecondition({ [name]: text }))
      const conditions = refused(() => new ReadConditions({ [name]: text }))
      conditions?.notModified('"0.1"')
      refused(() => conditions?.checkMatch(version))
    }
    rule(['json', 'cbor'].includes(preferredFormat(text)), 'a reply has a form')
    rule(['json', 'cbor'].includes(problemFormat(text)), 'a problem has a form')
    refused(() => represent('application/json', utf8('{"a":1}'), text))
    const mediaType = refused(() => checkMediaType(text))
    if (mediaType !== undefined) rule(/^[\t -~]+$/.test(essenceOf(mediaType)), 'a type is ASCII')
    const ttlMs = refused(() => ttlMsOf(text))
    if (ttlMs !== undefined) rule(ttlMs > 0 && ttlMs <= timing.ttlMaxMs, 'a life has bounds')
    parseTraceParent(text)
    const read = parseVersion(text)
    if (read) rule(Number.isSafeInteger(read.term) && Number.isSafeInteger(read.seq), 'it is safe')
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
