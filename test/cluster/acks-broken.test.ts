/**
 * A region that stands still keeps its connections, and takes what is sent to it: only its disk has
 * nothing of it. A write that has to be in two regions is not acknowledged then; a build that
 * counts what it has sent would do it, and is caught.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { denizenScript } from '../cli/run-denizen.ts'
import { brokenBuild } from '../worlds/broken-build.ts'
import { Builds } from '../worlds/builds.ts'
import { ask, codeOf, kv, sendText, until } from './region-client.ts'

const [home, other] = ['eu-west', 'us-east'] as const
const two = { 'denizen-acks': '2' }

/** How a write that has to be in two regions is answered while one of them stands still. */
async function answerWhileOneStandsStill(script: string): Promise<string> {
  const builds = await Builds.of([home, other])
  try {
    await builds.startAll(script)
    const write = async (key: string): Promise<string> => {
      const reply = await ask(builds, home, kv('cities', key), sendText('PUT', 'x', two))
      return `${reply.status} ${codeOf(reply)}`
    }
    let n = 0
    await until(async () => (await write(`warm-${n++}`)) === '201 ', 'both regions have it')
    builds.freeze(other)
    // Its registrar may stand still as well: the group has its home already.
    const answer = await write(`warm-${n - 1}`)
    builds.thaw(other)
    return answer
  } finally {
    builds.thaw(other)
    await builds.close()
  }
}

test('a write that one region alone has is not acknowledged at level 2', async () => {
  assert.is(await answerWhileOneStandsStill(denizenScript), '500 acks_timeout')
})

test('a build that counts what it has sent is caught', async () => {
  const build = brokenBuild([
    {
      file: 'src/replication/feed-sender.ts',
      from: "        effects.push(send({ type: 'chunk', dataset, ...body }))\n",
      to: `        effects.push(send({ type: 'chunk', dataset, ...body }))
        effects.push(completedTo(dataset, chunk.slot, chunk.to))
`,
    },
  ])
  try {
    assert.is(await answerWhileOneStandsStill(build.script), '204 ')
  } finally {
    build.remove()
  }
})

test.run()
