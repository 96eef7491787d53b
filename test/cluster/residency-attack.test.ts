/**
 * Each residency check attacked by itself: a peer that speaks as a region of the cluster, and so is
 * believed, sends what its region may not send and asks for what it may not have. Whoever receives
 * it refuses, counts, and stores nothing.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { requirePolicy } from '../../src/cli/required-policy.ts'
import { loadHasher } from '../../src/model/hash.ts'
import type { Key } from '../../src/model/key.ts'
import { PlacementTable } from '../../src/model/placement.ts'
import { feedNumber, generationStart } from '../../src/model/position.ts'
import { highestWeight } from '../../src/model/rendezvous.ts'
import { RegionNumbers, slotOf } from '../../src/model/slot.ts'
import { nodeHandlers } from '../../src/node/shard-operations.ts'
import { storeEngine } from '../../src/node/store-engine.ts'
import { systemRandom } from '../../src/runtime/random.ts'
import { encodeHomeMarker } from '../../src/storage/home-marker.ts'
import { encodeRecord } from '../../src/storage/record.ts'
import { Shard } from '../../src/storage/shard.ts'
import type { ShardReply } from '../../src/storage/shard-requests.ts'
import { MarkerSearch, newMarker } from '../worlds/marker-search.ts'
import { startWorld, type World } from '../worlds/world.ts'
import { Impostor } from './impostor.ts'
import { ask, clusterView, kv, sendText, until } from './region-client.ts'

const hasher = await loadHasher()
const slots = 64
const seq = generationStart(9) + 1
const term = 2 ** 32 + 1

/** A record that is sound in every way but that it has no business where it goes. */
const recordOf = (key: string, text: string, feed: number, position = seq): Uint8Array =>
  encodeRecord(hasher, key, {
    version: { term, seq: position },
    feed,
    ...{ tombstone: false, shared: false, expiresAtMs: 0 },
    mediaType: 'text/plain',
    value: Buffer.from(text),
  })

interface Smuggled {
  readonly dataset: string
  /** Its first `segments` segments are its group. */
  readonly key: string
  readonly segments: number
  readonly value: string
}

const groupOf = ({ key, segments }: Smuggled): string => key.split('/').slice(0, segments).join('/')
const slotOfKey = (it: Smuggled): number => slotOf(hasher, groupOf(it), slots)

const put = (it: Smuggled, as = 'candidate') => ({
  dataset: it.dataset,
  steps: [
    {
      operation: {
        kind: 'put',
        key: it.key,
        value: Buffer.from(it.value),
        mediaType: 'text/plain',
        precondition: {},
      },
      as,
      seen: [],
    },
  ],
})

const get = ({ dataset, key }: Smuggled) => ({
  dataset,
  steps: [{ operation: { kind: 'get', key }, as: 'copy', seen: [] }],
})

const list = ({ dataset }: Smuggled, prefix = '') => ({
  dataset,
  prefix,
  limit: 100,
  values: true,
  seen: [],
})

const registrar = (it: Smuggled, kind: 'claim' | 'lookup') => ({
  dataset: it.dataset,
  epoch: 1,
  kind,
  groups: [groupOf(it)],
})

/** Of copies that are compared: what they hold is asked for as hashes and as keys. */
const comparisons = (it: Smuggled) => ({
  'compare.digests': { dataset: it.dataset, states: new Uint8Array(16 * slots) },
  'compare.page': {
    ...{ dataset: it.dataset, slot: slotOfKey(it), after: null, upTo: it.key },
    ...{ sum: '0000000000000000', records: 0 },
  },
  'compare.witness': {
    ...{ dataset: it.dataset, slot: slotOfKey(it) },
    records: [{ key: it.key, feed: 65537, position: seq }],
  },
  repair: { dataset: it.dataset, key: it.key },
})

/** What ends a group, or has it wait. */
const ends = (it: Smuggled): [string, object][] => [
  ['hold', { dataset: it.dataset, group: groupOf(it), forMs: 60_000 }],
  ['erase', { kind: 'begin', dataset: it.dataset, group: groupOf(it), ifTag: '1', movedTo: 'us/' }],
]

const follow = (dataset: string) => ({ type: 'follow', dataset, positions: [] })

const chunk = (it: Smuggled, feed: number, after: number) => {
  const position = Math.max(seq, after + 1)
  const bytes = recordOf(it.key, it.value, feed, position)
  const items = [{ position, kind: 1, text: it.key, bytes }]
  const { dataset } = it
  const slot = slotOfKey(it)
  return {
    type: 'chunk',
    dataset,
    slot,
    feed,
    after,
    to: position,
    complete: true,
    items,
    bytes: 1,
  }
}

const markerChunk = (it: Smuggled, feed: number, after: number) => {
  const position = Math.max(seq, after + 1)
  const bytes = encodeHomeMarker({ region: feed >>> 16, feed, term, position })
  const message = chunk(it, feed, after)
  return { ...message, items: [{ position, kind: 2, text: groupOf(it), bytes }] }
}

const replacement = (it: Smuggled, feed: number) => ({
  type: 'replace',
  dataset: it.dataset,
  slot: slotOfKey(it),
  feed,
  from: null,
  to: null,
  records: [{ key: it.key, bytes: recordOf(it.key, it.value, feed) }],
  markers: [],
  cursors: [{ feed, position: seq }],
  bytes: 1,
})

/** A call, and what a relay is asked to pass on, or says that it passes on, of it. */
const waysOf = (name: string, body: object): [string, object][] => [
  [name, body],
  [`relay.${name}`, { to: 'eu-central', timeoutMs: 1_000, body }],
  [`relayed.${name}`, { origin: 'eu-central', body }],
]

/** Fails unless the attacks, and nothing else, were counted, and left nothing behind. */
async function checkRefused(
  world: World,
  { region, target, heard }: Impostor,
  marker: string,
  attacks: number,
): Promise<void> {
  await until(
    async () => (await clusterView(world, target)).residencyViolations >= attacks,
    () => `${target} counts ${attacks} attacks`,
    10_000,
  )
  assert.is((await clusterView(world, target)).residencyViolations, attacks)
  await world.stop(target)
  const search = new MarkerSearch({ marker })
  assert.equal(search.directory(world.dataDirectory(target)), [], 'nothing was stored')
  assert.equal(search.file(world.logFile(target)), [], 'nothing was logged')
  const told = Buffer.concat([...heard, ...world.captured(region)])
  assert.equal(search.bytes('what the impostor was told', told), [])
  assert.match(readFileSync(world.logFile(target), 'utf8'), 'residency')
}

/** A world in which the target hears from `region` only what the attack says. */
async function attacked(
  region: string,
  target: string,
  attack: (world: World, impostor: Impostor) => Promise<void>,
  before: (world: World) => Promise<void> = async () => {},
): Promise<void> {
  const world = await startWorld({ capture: true })
  let impostor: Impostor | undefined
  try {
    await before(world)
    impostor = await Impostor.replace(world, region, target)
    await attack(world, impostor)
  } finally {
    await impostor?.close()
    await world.close()
  }
}

test('nobody makes a region store what it may not store', async () => {
  const marker = newMarker(Math.random)
  const value = `${marker} is personal`
  const anna = { dataset: 'profiles', key: `${marker}/phone`, segments: 1, value }
  const tenant = { dataset: 'tenants/eu/', key: `eu/${marker}/u1`, segments: 2, value }
  const goods = { dataset: 'catalog', key: `${marker}`, segments: 1, value }
  await attacked('eu-west', 'us-east', async (world, impostor) => {
    const { feed } = impostor
    let attacks = 0
    const refused = async (name: string, body: object): Promise<void> => {
      for (const [way, message] of waysOf(name, body)) {
        assert.is(await impostor.refusedCall(way, message), 'residency_violation', way)
        attacks += 1
      }
    }
    const refusedStraight = async (name: string, body: object): Promise<void> => {
      assert.is(await impostor.refusedCall(name, body), 'residency_violation', name)
      attacks += 1
    }
    for (const it of [anna, tenant, goods]) {
      for (const as of ['home', 'candidate', 'copy']) await refused('execute', put(it, as))
      await refused('execute', get(it))
      await refused('list', list(it, it.key))
      await refused('inspect', { dataset: it.dataset, key: it.key })
      for (const kind of ['claim', 'lookup'] as const)
        await refused('registrar', registrar(it, kind))
      await refused('list', { ...list(it), ofGroup: groupOf(it) })
      // What no relay passes on.
      const straight = [...Object.entries(comparisons(it)), ...ends(it)]
      for (const [name, body] of straight) await refusedStraight(name, body)
      await impostor.refusedChunk(() => chunk(it, feed, 0))
      await impostor.refusedChunk(() => markerChunk(it, feed, 0))
      await impostor.refusedChunk(() => replacement(it, feed))
      attacks += 3
    }
    // What only the target may store, nobody else may bring.
    const foreign = { dataset: 'tenants/us/', key: `us/${marker}/u1`, segments: 2, value }
    await impostor.refusedChunk(() => chunk(foreign, feed, 0))
    for (const dataset of ['profiles', 'tenants/eu/', 'catalog', 'ledger', 'tenants/us/']) {
      await impostor.refusedRequest(follow(dataset))
      attacks += 1
    }
    await checkRefused(world, impostor, marker, attacks + 1)
  })
})

test('nobody is told what it may neither store nor serve', async () => {
  const marker = newMarker(Math.random)
  const anna = { dataset: 'profiles', key: `anna/phone`, segments: 1, value: marker }
  const tenant = { dataset: 'tenants/eu/', key: `eu/acme/u1`, segments: 2, value: marker }
  const attack = async (world: World, impostor: Impostor): Promise<void> => {
    const { feed } = impostor
    let attacks = 0
    const refused = async (name: string, body: object): Promise<void> => {
      for (const [way, message] of waysOf(name, body)) {
        assert.is(await impostor.refusedCall(way, message), 'residency_violation', way)
        attacks += 1
      }
    }
    const refusedStraight = async (name: string, body: object): Promise<void> => {
      assert.is(await impostor.refusedCall(name, body), 'residency_violation', name)
      attacks += 1
    }
    for (const it of [anna, tenant]) {
      await refused('execute', get(it))
      await refused('execute', put(it, 'home'))
      await refused('execute', put(it, 'candidate'))
      await refused('list', list(it))
      await refused('inspect', { dataset: it.dataset, key: it.key })
      for (const kind of ['claim', 'lookup'] as const)
        await refused('registrar', registrar(it, kind))
      await refused('list', { ...list(it), ofGroup: groupOf(it) })
      // What no relay passes on.
      const straight = [...Object.entries(comparisons(it)), ...ends(it)]
      for (const [name, body] of straight) await refusedStraight(name, body)
      await impostor.refusedChunk(() => chunk(it, feed, 0))
      await impostor.refusedChunk(() => replacement(it, feed))
      await impostor.refusedRequest(follow(it.dataset))
      attacks += 3
    }
    assert.not(Buffer.concat(impostor.heard).includes('innocent'))
    await checkRefused(world, impostor, marker, attacks)
  }
  await attacked('us-east', 'eu-west', attack, async world => {
    for (const [dataset, { key }] of [
      ['profiles', anna],
      ['tenants', tenant],
    ] as const) {
      const reply = await ask(world, 'eu-central', kv(dataset, key), sendText('PUT', 'innocent'))
      assert.is(reply.status, 201)
    }
  })
})

test('no partition takes in the keys of another', async () => {
  const marker = newMarker(Math.random)
  await attacked('eu-central', 'eu-west', async (world, impostor) => {
    const { feed } = impostor
    // A peer that may store the partition, and a registrar's slot of the target.
    const homes = ['eu-central', 'eu-west']
    const dataset = 'tenants/eu/'
    const foreign = (n: number): Smuggled => {
      return { dataset, key: `jp/${marker}${n}/u1`, segments: 2, value: marker }
    }
    const ruled = Array.from({ length: 1_000 }, (_, n) => foreign(n)).filter(
      it => highestWeight(hasher, `registrar/${dataset}/${slotOfKey(it)}`, homes) === 'eu-west',
    )
    const [jp = foreign(0)] = ruled
    let attacks = 0
    for (const as of ['home', 'candidate']) {
      for (const [way, message] of waysOf('execute', put(jp, as))) {
        assert.is(await impostor.refusedCall(way, message), 'residency_violation', way)
        attacks += 1
      }
    }
    assert.is(
      await impostor.refusedCall('registrar', registrar(jp, 'claim')),
      'residency_violation',
    )
    const { 'compare.digests': _, ...keyed } = comparisons(jp)
    for (const [name, body] of Object.entries(keyed)) {
      assert.is(await impostor.refusedCall(name, body), 'residency_violation', name)
      attacks += 1
    }
    const at = slotOfKey(jp)
    await impostor.refusedChunk(positionOf => chunk(jp, feed, positionOf(at)), dataset)
    await impostor.refusedChunk(positionOf => markerChunk(jp, feed, positionOf(at)), dataset)
    await impostor.refusedChunk(() => replacement(jp, feed), dataset)
    await checkRefused(world, impostor, marker, attacks + 4)
  })
})

test('the shard refuses by itself, whatever all others let through', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'denizen-shard-'))
  const policy = requirePolicy(fileURLToPath(new URL('../../denizen.yaml', import.meta.url)))
  const placement = new PlacementTable(policy, 1, hasher).byId('profiles')
  assert.ok(placement)
  const feed = feedNumber(1, 1)
  const marker = newMarker(Math.random)
  const it = { dataset: 'profiles', key: `${marker}/phone`, segments: 1, value: marker }
  const replies: ShardReply[] = []
  const take = (some: readonly ShardReply[]): void => void replies.push(...some)
  let permitted = true
  const shard = new Shard({
    handlers: nodeHandlers,
    random: systemRandom,
    onGrowth: () => assert.unreachable('nothing grows'),
    onBug: error => assert.unreachable(`${error}`),
    onFatal: error => assert.unreachable(`${error}`),
    mayStore: () => permitted,
  })
  const numbers = Object.fromEntries(policy.regions.map(({ id }, index) => [id, index + 1]))
  const own = { self: 'us-east', ownFeed: feedNumber(3, 1), hashOfGroup: String }
  const context = { hasher, placement, ...own }
  const regions = new RegionNumbers(numbers)
  try {
    const engine = await storeEngine.open(directory)
    shard.open('profiles', 0, engine, { ...context, regions })
    permitted = false
    const other = await storeEngine.open(join(directory, 'other'))
    assert.throws(() => shard.open('profiles', 1, other, { ...context, regions }), /permits/)
    await other.close()
    const { type: _, ...part } = chunk(it, feed, 0)
    const { type: __, ...whole } = replacement(it, feed)
    const write = { key: it.key as Key, value: undefined, precondition: {} }
    const claims = [{ group: groupOf(it), region: 1, feed }]
    const bytes = recordOf(it.key, it.value, feed)
    const record = { state: 'sound', version: { term, seq }, checksum: '0000000000000000' }
    const settle = { slot: slotOfKey(it), key: it.key, kind: 'lacks', held: { state: 'absent' } }
    const settleRecord = { ...settle, next: { record, bytes } }
    const claim = { epoch: 1, claims }
    const bodies = { applyChunk: part, applyReplace: whole, write, claim, settleRecord }
    for (const [id, [name, body]] of Object.entries(bodies).entries()) {
      shard.submit([{ id, dataset: 'profiles', store: 0, name, body }], take)
    }
    await until(() => replies.length === 5, 'the shard answers')
    const codes = replies.map(reply => ('error' in reply ? reply.error.code : 'done'))
    assert.equal(codes, Array(5).fill('residency_violation'))
    await shard.close()
    assert.equal(new MarkerSearch({ marker }).directory(directory), [])
  } finally {
    rmSync(directory, { recursive: true })
  }
})

test.run()
