/** One group behind the API, put back to the same state before each case and looked at after it. */
import { createApi } from '../../src/api/app.ts'
import { decodeFormat, type Format, formatTypes } from '../../src/api/media-type.ts'
import type { Operation } from '../../src/execution/operation.ts'
import { utf8 } from '../../src/model/bytes.ts'
import { isErrorCode } from '../../src/model/error-kinds.ts'
import type { Key } from '../../src/model/key.ts'
import { formatVersion } from '../../src/model/version.ts'
import { encodeCbor } from '../../src/protocol/cbor.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import { mangled } from './items.ts'
import { fromTexts, mutate } from './mutate.ts'
import { routedService } from './routed-service.ts'
import { rule } from './target.ts'

const DATASET = 'things'
const GROUP = 'g'
const strong = { consistency: 'strong' } as const
const words = fromTexts(
  '"op"',
  '"put"',
  '"key"',
  '"g/a"',
  '"value"',
  '__proto__',
  '[',
  '{',
  ',',
  'é',
)

/** Keys of the group, most of them there; now and then one of another group, or no key at all. */
export const randomKey = (random: SeededRandom): string =>
  random.oneIn(12)
    ? random.pick(['h/a', 'g//a', '', 'g/../a', 'x'.repeat(1_025)])
    : random.pick(['g/a', 'g/b', 'g/c', 'g/é', 'g'])

/** ETags of all values of the group, by key. */
export type GroupState = ReadonlyMap<string, string>

export interface GroupWorld {
  reset(): Promise<void>
  state(): Promise<GroupState>
  post(target: string, input: Uint8Array): Promise<{ status: number; body: unknown }>
}

/** The first byte of a case says in which form the body behind it is. */
export const formatIn = ([first = 0]: Uint8Array): Format => (first % 2 === 1 ? 'cbor' : 'json')

export function randomBody(random: SeededRandom, body: unknown): Uint8Array {
  const item = random.oneIn(3) ? mangled(random, body) : body
  const isCbor = random.oneIn(2)
  const bytes = isCbor ? encodeCbor(item) : utf8(JSON.stringify(item))
  const sent = random.oneIn(3) ? mutate(random, bytes, words) : bytes
  return Uint8Array.from([isCbor ? 0x43 : 0x4a, ...sent])
}

export const decodedBody = (input: Uint8Array): unknown =>
  decodeFormat(formatIn(input), input.subarray(1))

export async function groupWorld(): Promise<GroupWorld> {
  const { service } = await routedService()
  const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
  const app = createApi({
    ...{ service, log, clock: systemClock, version: '0.1.0' },
    rawTarget: (_request, env) => String(env),
  })
  const state = async (): Promise<GroupState> => {
    const request = { prefix: `${GROUP}/`, limit: 1_000, values: false }
    const { items } = await service.list(DATASET, request, strong)
    const get: Operation = { kind: 'get', key: GROUP as Key }
    const [own] = (await service.execute(DATASET, [get], strong)).outcomes
    const all = items.map(({ key, version }): [string, string] => [key, formatVersion(version)])
    if (own?.kind === 'found') all.push([GROUP, formatVersion(own.version)])
    return new Map(all)
  }
  return {
    state,
    async reset() {
      const deletions = [...(await state()).keys()].map(
        (key): Operation => ({ kind: 'delete', key: key as Key, precondition: {} }),
      )
      const puts = ['g/a', 'g/b'].map(
        (key): Operation => ({
          ...{ kind: 'put', key: key as Key, value: utf8('1'), mediaType: 'application/json' },
          precondition: {},
        }),
      )
      await service.execute(DATASET, deletions, strong)
      await service.execute(DATASET, puts, strong)
    },
    async post(target, input) {
      const headers = { 'Content-Type': formatTypes[formatIn(input)], Accept: 'application/json' }
      const init = { method: 'POST', headers, body: input.slice(1) }
      const reply = await app.fetch(new Request('http://node.test/', init), Object(target))
      const body: unknown = await reply.json()
      rule(typeof body === 'object' && body !== null, 'a reply is an object')
      if (reply.status !== 200) {
        rule(reply.status < 500, `${reply.status} ${JSON.stringify(body)}`)
        rule('code' in body && isErrorCode(String(body.code)), 'a refusal is a problem')
      }
      return { status: reply.status, body }
    },
  }
}

export const sameState = (a: GroupState, b: GroupState): boolean =>
  a.size === b.size && [...a].every(([key, etag]) => b.get(key) === etag)
