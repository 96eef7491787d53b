/** Types of messages that a campaign has to hurt: all that nodes have for each other. */
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { thinText } from '../../src/cli/sim/fate-table.ts'
import { answersToRecovering } from '../../src/node/recovery-answers.ts'
import { thinCells } from '../../src/simulation/coverage.ts'
import { type FateCounts, faultKinds } from '../../src/simulation/fates.ts'
import { madeUpPolicy } from '../../src/simulation/made-up-policy.ts'
import { allCalls, cells, messageTypes, recordCalls } from '../../src/simulation/message-types.ts'
import { runSeed } from '../../src/simulation/run.ts'
import { seededRandom } from '../../src/simulation/seeded-random.ts'
import { allThemes } from '../../src/simulation/themes.ts'
import { World } from '../../src/simulation/world.ts'
import { hasher } from '../support/policies.ts'

test('calls are those that nodes answer', async () => {
  const random = seededRandom(1)
  const policy = madeUpPolicy(random)
  const world = new World({
    policy,
    hasher,
    random,
    delayMs: () => 1,
    newcomers: [],
    addressesMove: false,
  })
  for (const region of world.regions) world.start(region)
  await world.time.run(60_000, () => world.allServe)
  const [region = ''] = world.regions
  const answered = Object.keys(world.serving(region)?.answers ?? {})
  // What does not change with the record.
  const others = [
    'policy',
    'repair',
    'compare.digests',
    'compare.page',
    'compare.witness',
    'change',
  ]
  const recovery = Object.keys(answersToRecovering({} as never))
  const folder = 'src/coordination'
  const code = readdirSync(folder).map(file => readFileSync(`${folder}/${file}`, 'utf8'))
  const names = new Set(code.join('').match(/(?<=name === ')coordination\.\w+/g))
  assert.equal([...allCalls].sort(), [...answered, ...others, ...recovery, ...names].sort())
  assert.equal([...names, 'change'].sort(), [...recordCalls].sort())
})

test('no world has messages of other types', async () => {
  const { fates } = await runSeed({ seed: 1, hasher, forMs: 8_000 })
  const others = Object.keys(fates).filter(type => !messageTypes.includes(type))
  assert.equal(others, [])
})

test('what a theme is about can be sent', () => {
  const messages = allThemes.flatMap(theme => theme.messages)
  assert.equal(
    messages.filter(message => !messageTypes.includes(message)),
    [],
  )
})

test('what was hurt too seldom is counted and named in one line', () => {
  const hurt = Object.fromEntries(faultKinds.map(kind => [kind, 100]))
  const all: Record<string, object> = {}
  for (const type of messageTypes) all[type] = { sent: 900, ...hurt }
  const counts = (of: object): FateCounts => of as FateCounts
  assert.is(thinCells(counts(all)).length, 0)
  assert.match(thinText(counts(all)), /: all of them$/)
  const some = { ...all, 'reply list': { sent: 300, ...hurt, lost: 99, 'sender died': 7 } }
  assert.match(thinText(counts(some)), /: 2 fewer: reply list \(lost 99, sender died 7\)$/)
  assert.is(thinCells({}).length, cells.length)
})

test.run()
