/** Reads all keys of some writers, and holds the world to what it says. */
import * as assert from 'uvu/assert'
import type { Version } from '../../../src/model/version.ts'
import { ask, type Doors, inParallel, kv, type Reply, until } from '../../cluster/region-client.ts'
import { checkKey, type OwnKey, versionOf, type Writers } from '../../cluster/writers.ts'

interface Held {
  readonly value: string
  readonly version: Version
}

const headers = { 'denizen-consistency': 'strong' }

/** Strong reads, each through any region, when the writers have stopped. Returns how many. */
export async function checkKeys(
  world: Doors,
  { keys }: Writers,
  random: () => number,
): Promise<number> {
  await inParallel(12, keys, async own => {
    const region = world.regions[Math.floor(random() * world.regions.length)] as string
    const held = heldBy(await answered(world, region, kv(own.dataset, own.key)))
    checkKey(own, held)
    holdTo(own, held)
  })
  return keys.length
}

/** One thread of a node may serve before another one, which answers 503 until it does. */
async function answered(world: Doors, region: string, target: string): Promise<Reply> {
  let reply: Reply | undefined
  await until(
    async () => {
      reply = await ask(world, region, target, { headers })
      return reply.status !== 503
    },
    () => `the key is read; ${reply?.body}`,
  )
  assert.ok(reply && [200, 404].includes(reply.status), `${reply?.status} ${reply?.body}`)
  return reply as Reply
}

/** `undefined`: the key is absent. */
const heldBy = (reply: Reply): Held | undefined =>
  reply.status === 200
    ? { value: reply.body.toString(), version: versionOf(`${reply.headers.etag}`) }
    : undefined

/**
 * What a read says binds the store as an acknowledged write does. Forgets the attempts on a key but
 * for the one that was read, which counts as acknowledged from now on: a later restart must neither
 * lose it, nor bring back what it has replaced, nor apply one whose outcome was unknown and which
 * was not there.
 */
function holdTo({ attempts }: OwnKey, held: Held | undefined): void {
  const wasWritten = attempts.length > 0
  attempts.length = 0
  if (held) attempts.push({ ...held, outcome: 'acknowledged' })
  else if (wasWritten) {
    attempts.push({ value: undefined, version: undefined, outcome: 'acknowledged' })
  }
}
