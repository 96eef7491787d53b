/** What a relay passes on, and what is answered through one: nothing twice, nothing astray. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { DenizenError } from '../../src/model/errors.ts'
import { dataset, policy } from '../support/policies.ts'
import { RoutingWorld } from '../support/routing-world.ts'

const regions = ['one', 'two', 'three', 'four', 'six']
const storing = ['one', 'two', 'three', 'four']
const pair = ['one', 'two']
const toTwo = { homing: { kind: 'pinned', region: 'two' } } as const
const data = policy(regions, [
  dataset('pinned', storing, { serve: regions, ...toTwo }),
  dataset('pair', pair, { serve: regions, ...toTwo }),
  dataset('closed', pair),
  dataset('shrunk', pair, { ...toTwo, left: ['three'] }),
  dataset('parts', pair, { prefix: 'a/', groupBySegments: 1, ...toTwo }),
  dataset('parts', storing, { prefix: 'b/', groupBySegments: 1, ...toTwo }),
])

const bodyOf = (name: string, key: string): object => ({
  dataset: name,
  steps: [{ operation: { kind: 'get', key }, as: 'home', seen: [] }],
})
const pass = (to: string, body: object): object => ({ to, timeoutMs: 100, body })

test('a relay whose own line is cut says so, and asks nobody', async () => {
  const world = await RoutingWorld.open(data)
  world.line('three', 'two', 'cut', 'known')
  const relay = world.at('three').answers['relay.execute']
  assert.ok(relay)
  const body = bodyOf('pinned', 'a')
  const passed = await relay('one', { to: 'two', timeoutMs: 100, body })
  assert.equal(passed, { kind: 'unanswered', sent: false, reason: 'not connected' })
  assert.equal(world.calls, ['three two relayed.execute'])
})

test('what was relayed is answered where it arrives, home or not', async () => {
  const world = await RoutingWorld.open(data)
  const relayed = world.at('four').answers['relayed.execute']
  assert.ok(relayed)
  const body = bodyOf('pinned', 'a')
  const [result] = (await relayed('three', { origin: 'one', body })) as { kind: string }[]
  assert.is(result?.kind, 'elsewhere')
  assert.equal(world.calls, [])
})

test('only what is asked about data is relayed, and nothing twice', async () => {
  const world = await RoutingWorld.open(data)
  const answered = Object.keys(world.at('one').answers).filter(name => name.startsWith('relay'))
  const names = ['execute', 'inspect', 'list', 'registrar']
  const both = names.flatMap(name => [`relay.${name}`, `relayed.${name}`])
  assert.equal(answered.sort(), both.sort())
})

/** What a region answers to a call that only a broken one makes. */
async function refusal(at: string, name: string, from: string, body: unknown): Promise<string> {
  const world = await RoutingWorld.open(data)
  const answer = world.at(at).answers[name]
  assert.ok(answer)
  const error = await answer(from, body).then(
    () => 'answered',
    failed => failed,
  )
  assert.equal(world.calls, [], 'it goes no further')
  const code = error instanceof DenizenError ? error.code : String(error)
  return `${code}, counted by ${world.violations.join() || 'nobody'}`
}

test('a relay lets through what it may see, from who may ask, to who may have it', async () => {
  const refuses = async (at: string, from: string, message: object): Promise<void> => {
    const told = await refusal(at, 'relay.execute', from, message)
    assert.is(told, `residency_violation, counted by ${at}`)
  }
  await refuses('three', 'one', pass('two', bodyOf('pair', 'a')))
  await refuses('one', 'six', pass('two', bodyOf('closed', 'a')))
  await refuses('one', 'two', pass('six', bodyOf('pinned', 'a')))
  // The partition that is named is not the one of the key.
  await refuses('three', 'one', pass('two', bodyOf('parts/b/', 'a/1')))
})

test('who is asked hears no relay that may not see it, and no origin that may not', async () => {
  const refuses = async (relay: string, origin: string, body: object): Promise<void> => {
    const told = await refusal('two', 'relayed.execute', relay, { origin, body })
    assert.is(told, 'residency_violation, counted by two')
  }
  await refuses('three', 'one', bodyOf('pair', 'a'))
  await refuses('six', 'one', bodyOf('pinned', 'a'))
  await refuses('one', 'six', bodyOf('closed', 'a'))
  await refuses('one', 'nowhere', bodyOf('pinned', 'a'))
})

test('who works under another policy is told so, and nothing is counted', async () => {
  const body = bodyOf('shrunk', 'a')
  const told = [
    await refusal('one', 'relay.execute', 'two', pass('three', body)),
    await refusal('three', 'relay.execute', 'one', pass('two', body)),
    await refusal('two', 'relayed.execute', 'three', { origin: 'one', body }),
    await refusal('two', 'relayed.execute', 'one', { origin: 'three', body }),
  ]
  assert.equal(told, Array(4).fill('stale_policy, counted by nobody'))
})

test.run()
