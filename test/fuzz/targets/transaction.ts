/** Transactions: all of a branch or nothing of it, and nothing at all where the body is refused. */
import { z } from 'zod'
import type { SeededRandom } from '../../support/seeded-random.ts'
import {
  decodedBody,
  type GroupState,
  groupWorld,
  randomBody,
  randomKey,
  sameState,
} from '../group-state.ts'
import { randomItem } from '../items.ts'
import { type FuzzTarget, rule } from '../target.ts'

const stepSchema = z.object({ op: z.string(), key: z.string() })
const branch = z.array(stepSchema).default([])
// biome-ignore lint/suspicious/noThenProperty: the contract's word; no function, no thenable
const bodySchema = z.object({ then: branch, else: branch })
const replySchema = z.object({
  succeeded: z.boolean(),
  results: z.array(z.looseObject({ status: z.int(), etag: z.string().optional() })),
})

export async function open(): Promise<FuzzTarget> {
  const world = await groupWorld()
  return {
    generate: random => randomBody(random, transaction(random)),
    async check(input) {
      await world.reset()
      const before = await world.state()
      const { status, body } = await world.post('/v1/tx/things/g', input)
      const after = await world.state()
      if (status !== 200) {
        rule(sameState(before, after), 'a refused transaction changes nothing')
        return
      }
      const { succeeded, results } = replySchema.parse(body)
      const steps = bodySchema.parse(decodedBody(input))[succeeded ? 'then' : 'else']
      rule(results.length === steps.length, 'each operation of the branch has a result')
      checkState(before, after, steps)
    },
  }
}

function checkState(
  before: GroupState,
  after: GroupState,
  steps: readonly z.infer<typeof stepSchema>[],
): void {
  const written = new Map(steps.filter(({ op }) => op !== 'get').map(({ op, key }) => [key, op]))
  for (const [key, op] of written) rule(after.has(key) === (op === 'put'), `the ${op} is done`)
  for (const key of new Set([...before.keys(), ...after.keys()])) {
    if (!written.has(key)) rule(before.get(key) === after.get(key), 'the rest is as it was')
  }
  const versions = new Set([...written.keys()].flatMap(key => after.get(key) ?? []))
  rule(versions.size <= 1, 'what it wrote has one version')
}

function transaction(random: SeededRandom): object {
  const many = (make: () => object): readonly object[] =>
    Array.from({ length: random.below(random.oneIn(20) ? 140 : 4) }, make)
  const value = (): object => ({ value: randomItem(random, 2) })
  const condition = (): object => ({
    key: randomKey(random),
    ...random.pick([{ exists: true }, { exists: false }, { value: 1 }, { ifMatch: '"0.1"' }]),
  })
  const step = (): object => {
    const op = random.pick(['get', 'put', 'put', 'delete'])
    const life = random.oneIn(6) ? { ttl: random.pick(['5s', '0s', 'x']) } : {}
    return { op, key: randomKey(random), ...(op === 'put' && { ...value(), ...life }) }
  }
  // biome-ignore lint/suspicious/noThenProperty: the contract's word; no function, no thenable
  return { if: many(condition), then: many(step), else: many(step) }
}
