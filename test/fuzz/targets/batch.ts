/** Batches: a key changes where an operation says that it did, and nowhere else. */
import { z } from 'zod'
import type { SeededRandom } from '../../support/seeded-random.ts'
import { decodedBody, groupWorld, randomBody, randomKey, sameState } from '../group-state.ts'
import { randomItem } from '../items.ts'
import { type FuzzTarget, rule } from '../target.ts'

const bodySchema = z.object({ ops: z.array(z.object({ op: z.string(), key: z.string() })) })
const replySchema = z.object({
  results: z.array(z.looseObject({ status: z.int(), etag: z.string().optional() })),
})

export async function open(): Promise<FuzzTarget> {
  const world = await groupWorld()
  return {
    generate: random => randomBody(random, batch(random)),
    async check(input) {
      await world.reset()
      const before = await world.state()
      const { status, body } = await world.post('/v1/batch/things', input)
      const after = await world.state()
      if (status !== 200) {
        rule(sameState(before, after), 'a refused batch changes nothing')
        return
      }
      const { results } = replySchema.parse(body)
      const { ops } = bodySchema.parse(decodedBody(input))
      rule(results.length === ops.length, 'each operation has a result')
      const written = new Map<string, (string | undefined)[]>()
      for (const [index, { op, key }] of ops.entries()) {
        const { status: own = 0, etag } = results[index] ?? {}
        rule(own >= 200 && own < 500, `an operation is answered ${own}`)
        if (op === 'get' || own >= 300) continue
        written.set(key, [...(written.get(key) ?? []), op === 'put' ? etag : undefined])
      }
      for (const key of new Set([...before.keys(), ...after.keys(), ...written.keys()])) {
        if (!key.startsWith('g/') && key !== 'g') continue
        const etag = after.has(key) ? `"${after.get(key)}"` : undefined
        const said = written.get(key)
        if (said) rule(said.includes(etag), 'the last state of a key is one that was answered')
        else rule(before.get(key) === after.get(key), 'what was not written is as it was')
      }
    },
  }
}

function batch(random: SeededRandom): object {
  const operation = (): object => {
    const op = random.pick(['get', 'put', 'put', 'delete'])
    const condition = random.oneIn(5)
      ? random.pick([{ ifMatch: '*' }, { ifNoneMatch: '*' }, { ifMatch: '"0.1"' }])
      : {}
    const key = randomKey(random)
    if (op !== 'put') return { op, key, ...condition }
    const life = random.oneIn(6) ? { ttl: random.pick(['5s', '0s', 'x']) } : {}
    return { op, key, value: randomItem(random, 2), ...condition, ...life }
  }
  return { ops: Array.from({ length: random.below(random.oneIn(20) ? 200 : 6) }, operation) }
}
