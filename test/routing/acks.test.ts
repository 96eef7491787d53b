/** Acknowledgement levels on a world of routers, where a test says which regions have what. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Operation, Outcome, Transaction } from '../../src/execution/operation.ts'
import type { AcksLevel } from '../../src/model/acks.ts'
import { utf8 } from '../../src/model/bytes.ts'
import type { Key } from '../../src/model/key.ts'
import { formatVersion } from '../../src/model/version.ts'
import type { RequestContext } from '../../src/routing/service.ts'
import { dataset, policy } from '../support/policies.ts'
import { RoutingWorld } from '../support/routing-world.ts'

const regions = ['one', 'two', 'three', 'four']
const storing = ['one', 'two', 'three']
const pinned = { serve: regions, homing: { kind: 'pinned', region: 'two' } } as const
const data = policy(regions, [
  dataset('plain', storing, pinned),
  dataset('two', storing, { ...pinned, acks: 2 }),
  dataset('most', storing, { ...pinned, acks: 'quorum' }),
  dataset('every', storing, { ...pinned, acks: 'all', groupBySegments: 1 }),
  dataset('claimed', storing, { serve: regions, acks: 2, slots: 16 }),
])

interface Waited {
  readonly dataset: string
  readonly regions: number
  readonly positions: readonly number[]
}

/** A world in which so many regions come to have each write, and what was waited for. */
async function open(has: number): Promise<RoutingWorld & { readonly waited: Waited[] }> {
  const world = await RoutingWorld.open(data, { readsHere: true })
  const waited: Waited[] = []
  world.regionsWith = async (name, asked, writes) => {
    const positions = writes.map(({ position }) => position)
    waited.push({ dataset: name, regions: asked, positions })
    return writes.map(() => has)
  }
  return Object.assign(world, { waited })
}

const put = (key: string, more: { readonly idempotencyKey?: string } = {}): Operation => ({
  ...{ kind: 'put', key: key as Key, value: utf8('x'), mediaType: '', precondition: {}, ...more },
})
const remove = (key: string): Operation => ({ kind: 'delete', key: key as Key, precondition: {} })
const get = (key: string): Operation => ({ kind: 'get', key: key as Key })

type Asked = Partial<RequestContext>

async function run(
  world: RoutingWorld,
  region: string,
  name: string,
  operations: readonly Operation[],
  asked: Asked = {},
) {
  const context = { consistency: 'session', ...asked } as const
  return await world.at(region).router.execute(name, operations, context)
}

const codeOf = (outcome: Outcome | undefined): string | undefined =>
  outcome?.kind === 'failed' ? outcome.error.code : outcome?.kind

test('the level of a dataset, or of a request where that is higher, is what is waited for', async () => {
  const world = await open(3)
  const levels: [string, AcksLevel | undefined, number | undefined][] = [
    ['plain', undefined, undefined],
    ['plain', 2, 2],
    ['plain', 'quorum', 2],
    ['plain', 'all', 3],
    ['two', undefined, 2],
    ['two', 3, 3],
    ['most', undefined, 2],
    ['every', undefined, 3],
    ['every', 2, 3],
    ['every', 'quorum', 3],
  ]
  for (const entry of regions) {
    for (const [name, acks, expected] of levels) {
      const asked = acks === undefined ? {} : { acks }
      for (const operations of [[put('a')], [put('b'), remove('c'), get('a')]]) {
        const { outcomes } = await run(world, entry, name, operations, asked)
        assert.ok(!outcomes.some(({ kind }) => kind === 'failed'), `${entry} ${name} ${acks}`)
        const waited = world.waited.splice(0)
        assert.ok(waited.every(it => it.regions === expected && it.dataset === name))
        // A deletion of nothing changes nothing; forwarded operations come one by one.
        assert.is(waited.flatMap(({ positions }) => positions).length, expected ? 1 : 0)
      }
    }
  }
})

test('more than may store are refused before anything is written', async () => {
  const world = await open(3)
  for (const entry of regions) {
    const { outcomes } = await run(world, entry, 'plain', [put('a')], { acks: 4 })
    assert.is(codeOf(outcomes[0]), 'acks_above_regions')
    const many = await run(world, entry, 'plain', [put('a'), get('a'), put('b')], { acks: 4 })
    const refused = 'acks_above_regions'
    assert.equal(many.outcomes.map(codeOf), [refused, 'absent', refused])
  }
  assert.equal(world.waited, [])
})

test('too few in time: applied, with version and token; a repeat is the same write', async () => {
  for (const entry of regions) {
    const world = await open(1)
    const once = [put('a', { idempotencyKey: 'k' })]
    const first = await run(world, entry, 'two', once, { principal: 'p' })
    const [late] = first.outcomes
    assert.ok(late?.kind === 'failed' && late.receipt?.home === 'two')
    const { code, applied, retry, extra } = late.error
    assert.equal([code, applied, retry], ['acks_timeout', 'yes', 'with-idempotency-key'])
    assert.equal([extra.asked, extra.reached], [2, 1])
    const session = first.session ?? ''
    const read = await run(world, entry, 'two', [get('a')], { session })
    const [found] = read.outcomes
    assert.ok(found?.kind === 'found', 'it is there, for its session and all others')
    assert.is(formatVersion(found.version), extra.version)

    world.regionsWith = async (_name, _asked, writes) => writes.map(() => 2)
    const again = await run(world, entry, 'two', once, { principal: 'p' })
    const [written] = again.outcomes
    assert.ok(written?.kind === 'written')
    assert.is(formatVersion(written.version), extra.version)
  }
})

test('each operation of a request has its own end', async () => {
  const world = await open(1)
  let nth = 0
  world.regionsWith = async (_name, _asked, writes) => writes.map(() => (nth++ % 2 === 0 ? 2 : 1))
  const asked = [put('a'), get('none'), put('b'), remove('none'), put('c')]
  const { outcomes, session } = await run(world, 'two', 'two', asked)
  const expected = ['written', 'absent', 'acks_timeout', 'absent', 'written']
  assert.equal(outcomes.map(codeOf), expected)
  assert.ok(session)
})

const transfer = (steps: Transaction['success']): Transaction => ({
  ...{ kind: 'transaction', key: 'g' as Key, conditions: [], success: steps, failure: [] },
})

test('transactions wait for what they have changed, and only then', async () => {
  const world = await open(2)
  const context = { consistency: 'session' } as const
  const step = { kind: 'put', key: 'g/1' as Key, value: utf8('x'), mediaType: '' } as const
  const { router } = world.at('one')
  const changed = await router.transact('every', transfer([step]), context)
  assert.ok(changed.outcome.kind === 'failed' && changed.session)
  assert.is(changed.outcome.error.code, 'acks_timeout')
  const reading = transfer([{ kind: 'get', key: 'g/1' as Key }])
  const read = await router.transact('every', reading, context)
  assert.ok(read.outcome.kind === 'transacted' && read.outcome.results[0]?.kind === 'found')
  const [waited, ...more] = world.waited
  assert.equal(more, [])
  const { version } = read.outcome.results[0]
  assert.equal(waited?.positions, [version.seq])
  assert.is(formatVersion(version), changed.outcome.error.extra.version)
})

test('a creation that came too late names its key; a first write waits after its claim', async () => {
  const world = await open(1)
  const context = { consistency: 'session' } as const
  const request = { prefix: 'new/', value: utf8('x'), mediaType: '' }
  for (const entry of storing) {
    const { key, outcomes, session } = await world
      .at(entry)
      .router.create('claimed', request, context)
    assert.is(codeOf(outcomes[0]), 'acks_timeout')
    const read = await run(world, entry, 'claimed', [get(key)], { session: session ?? '' })
    assert.is(codeOf(read.outcomes[0]), 'found')
    const { outcomes: many } = await run(world, entry, 'claimed', [put(`${entry}1`), put(entry)])
    assert.equal(many.map(codeOf), ['acks_timeout', 'acks_timeout'])
  }
})

test('what need not wait goes in a message of its own', async () => {
  const world = await open(2)
  world.calls.length = 0
  const asked = [put('a'), get('b')]
  await run(world, 'one', 'two', asked, { consistency: 'strong' })
  assert.equal(
    world.calls.filter(call => call.endsWith('execute')),
    ['one two execute', 'one two execute'],
  )
})

test.run()
