/**
 * Copies that were made to differ behind the backs of their nodes, in a world that replicates and
 * is written: they find out, and put right what is theirs.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fromUtf8, utf8 } from '../../src/model/bytes.ts'
import type { Key } from '../../src/model/key.ts'
import type { Placement } from '../../src/model/placement.ts'
import type { RegionId, Slot } from '../../src/model/slot.ts'
import { compareVersions, type Version } from '../../src/model/version.ts'
import { PeerFailure } from '../../src/peers/peers.ts'
import { soundHead } from '../../src/storage/record.ts'
import type { StoreReader } from '../../src/storage/store.ts'
import { loseRecord, makeUp, putBack } from '../support/divergence.ts'
import { dataset, policy, tableOf } from '../support/policies.ts'
import { ReplicatingWorld } from '../support/replicating-world.ts'
import { seededRandom } from '../support/seeded-random.ts'

const regions = ['one', 'two', 'three']
const pinned = { homing: { kind: 'pinned', region: 'one' }, slots: 2 } as const
const table = tableOf(policy(regions, [dataset('things', regions, pinned)]))
const placement = table.byId('things') as Placement
const keys = Array.from({ length: 24 }, (_, n) => `k${n}` as Key)
const [a, b, c] = keys as [Key, Key, Key]
const slotOf = (key: Key): Slot => placement.slotOf(placement.groupOf(key))
const inSlotOfA = (key: Key): boolean => slotOf(key) === slotOf(a)
const STEP_MS = 250

class ComparedWorld {
  readonly world = new ReplicatingWorld({
    ...{ table, random: seededRandom(1), threads: 1, stores: 1 },
  })
  /** By region and key: no copy may go back behind it. */
  readonly #newest = new Map<string, Version>()

  static async start(): Promise<ComparedWorld> {
    const compared = new ComparedWorld()
    for (const region of regions) await compared.world.start(region)
    compared.world.connectAll()
    for (const key of keys) await compared.write(key, `${key} of old`)
    for (const key of keys) await compared.write(key, key)
    await compared.pass(1_000)
    for (const { comparisons } of compared.world.running.values()) comparisons.start()
    return compared
  }

  async write(key: Key, text: string): Promise<void> {
    const value = { bytes: utf8(text), mediaType: '' }
    const request = { key, value, precondition: {}, nowMs: 0 }
    const home = this.world.running.get('one')
    assert.ok(home)
    await this.world.until(home.shards.call('things', slotOf(key), 'write', request))
  }

  async reader(region: RegionId): Promise<StoreReader> {
    const copy = [...this.world.copies()].find(it => it.region === region)
    assert.ok(copy)
    return await this.world.read(copy)
  }

  /** What was done to the copy on purpose is where it begins again. */
  async alter(region: RegionId, task: (reader: StoreReader) => Promise<void>): Promise<void> {
    await this.world.until(task(await this.reader(region)))
    for (const key of keys) this.#newest.delete(`${region} ${key}`)
  }

  async pass(forMs: number, meanwhile: () => Promise<void> = async () => {}): Promise<void> {
    for (let ms = 0; ms < forMs; ms += STEP_MS) {
      this.world.clock.advance(STEP_MS)
      await meanwhile()
      await this.world.settle()
      await this.#look()
    }
  }

  async #look(): Promise<void> {
    for (const region of regions) {
      const reader = await this.reader(region)
      for (const key of keys) {
        const head = soundHead(reader.heldHead(key))
        const name = `${region} ${key}`
        // Who gives up what nobody has written goes back to what was.
        if (head && head.version.term > 0) continue
        const before = this.#newest.get(name)
        if (before)
          assert.ok(head && compareVersions(head.version, before) >= 0, `${name} is older`)
        if (head) this.#newest.set(name, head.version)
      }
    }
  }

  async texts(region: RegionId): Promise<(string | undefined)[]> {
    const reader = await this.reader(region)
    return keys.map(key => {
      const record = reader.record(key)
      return record && fromUtf8(record.value)
    })
  }

  async assertAlike(): Promise<void> {
    const digests = await Promise.all(
      regions.map(async region => [...(await this.reader(region)).digests()]),
    )
    assert.equal(digests[1], digests[0])
    assert.equal(digests[2], digests[0])
    assert.equal(this.world.complaints, [])
  }

  counts(region: RegionId) {
    const process = this.world.running.get(region)
    assert.ok(process)
    return process.comparisons.counts()
  }
}

test('copies that are the same are found so, and nothing is walked', async () => {
  const compared = await ComparedWorld.start()
  await compared.pass(6_000)
  for (const region of regions) {
    const { same, different, walked } = compared.counts(region)
    assert.ok(same >= 8, `${same} slots were compared`)
    assert.equal([different, walked], [0, 0])
  }
})

test('a record that a copy has lost, and an older one in its place, come again', async () => {
  const compared = await ComparedWorld.start()
  const older = await ComparedWorld.start()
  await compared.alter('two', reader => loseRecord(reader, a))
  await compared.alter('three', reader => loseRecord(reader, b, false))
  const old = (await older.reader('one')).recordBytes(c)
  assert.ok(old)
  await compared.write(c, 'of now')
  await compared.pass(1_000)
  await compared.alter('three', reader => putBack(reader, c, old))
  await compared.pass(12_000)
  await compared.assertAlike()
  assert.is((await compared.texts('three'))[2], 'of now')
  assert.is(compared.counts('two').repaired, 1)
  assert.is(compared.counts('three').repaired, 2)
  assert.is(compared.counts('one').repaired, 0)
})

test('a home takes back what it has lost, from a copy that it has given it to', async () => {
  const compared = await ComparedWorld.start()
  await compared.alter('one', reader => loseRecord(reader, a, false))
  await compared.alter('one', reader => loseRecord(reader, b))
  await compared.pass(12_000)
  await compared.assertAlike()
  assert.equal((await compared.texts('one')).slice(0, 2), [a, b])
  assert.is(compared.counts('one').repaired, 2)
})

test('a record that nobody wrote is given up, and none of the others takes it', async () => {
  const compared = await ComparedWorld.start()
  const { world } = compared
  const reader = await compared.reader('two')
  const head = soundHead(reader.heldHead(a))
  assert.ok(head)
  const feed = world.feedOf('one')
  const version = { term: head.version.term, seq: head.version.seq }
  // In the slot of a, at whose place in the feed they claim to be.
  const alone = Array.from({ length: 99 }, (_, n) => `nobody${n}` as Key).find(inSlotOfA)
  const beside = keys.slice(1).find(inSlotOfA)
  assert.ok(alone && beside)
  await compared.alter('two', it => makeUp(it, alone, { feed, version, value: 'x' }))
  const above = { ...version, term: version.term + 1 }
  await compared.alter('three', it => makeUp(it, beside, { feed, version: above, value: 'x' }))
  const entries = (it: StoreReader) => [...it.feedEntries(slotOf(a), feed, 0)].length
  const before = entries(reader)
  const texts = await compared.texts('one')
  await compared.pass(2_000)
  assert.ok(compared.counts('one').unproven > 0, 'nobody vouches for it')
  for (const { region } of world.running.values()) assert.is(compared.counts(region).repaired, 0)
  await compared.pass(14_000)
  await compared.assertAlike()
  assert.is((await compared.reader('two')).heldHead(alone), undefined)
  assert.equal(await compared.texts('three'), texts)
  for (const region of ['two', 'three']) {
    assert.is(entries(await compared.reader(region)), before, 'what lies at its place stays')
  }
  assert.equal([compared.counts('two').removed, compared.counts('three').removed], [1, 1])
})

test('a slot that is written all the time is compared too', async () => {
  const compared = await ComparedWorld.start()
  await compared.alter('two', reader => loseRecord(reader, a))
  await compared.alter('three', reader => loseRecord(reader, b))
  let n = 0
  const written = keys.slice(4)
  await compared.pass(60_000, async () => {
    // On its way while digests are compared.
    for (const key of written.slice(0, 6)) {
      n += 1
      void compared.write(key, `${n}`)
    }
  })
  assert.equal([compared.counts('two').repaired, compared.counts('three').repaired], [1, 1])
  for (const region of ['two', 'three']) {
    const { apart, different, walked } = compared.counts(region)
    assert.ok(apart > 50 && walked > 0, `${apart} times apart, ${different} different, ${walked}`)
  }
  await compared.pass(2_000)
  await compared.assertAlike()
})

test('while a region is away nothing is given up, and what can be proven is repaired', async () => {
  const compared = await ComparedWorld.start()
  const { world } = compared
  const version = soundHead((await compared.reader('two')).heldHead(a))?.version
  assert.ok(version)
  const made = { feed: world.feedOf('one'), version, value: 'x' }
  await compared.alter('two', reader => makeUp(reader, 'of nobody', made))
  await compared.alter('two', reader => loseRecord(reader, b))
  world.silent.add('three')
  await compared.pass(8_000)
  assert.equal([compared.counts('two').repaired, compared.counts('two').removed], [1, 0])
  assert.ok(compared.counts('two').unproven > 0)
  world.silent.delete('three')
  await compared.pass(20_000)
  assert.is(compared.counts('two').removed, 1)
  await compared.assertAlike()
})

test('asked to, a copy is compared whole at once, and says what it still owes', async () => {
  const compared = await ComparedWorld.start()
  const { world } = compared
  const compareWhole = async (): Promise<number> => {
    const comparing = world.running.get('two')?.comparisons.compareWhole(placement, 'three')
    assert.ok(comparing)
    return await world.until(comparing)
  }
  assert.is(await compareWhole(), 0)
  await compared.alter('two', reader => loseRecord(reader, a))
  await compared.alter('two', reader => loseRecord(reader, b))
  // The home alone could say whether they were written.
  world.silent.add('one')
  assert.is(await compareWhole(), 2)
  world.silent.delete('one')
  assert.is(await compareWhole(), 0)
  await compared.assertAlike()
  world.silent.add('three')
  const failed = await compareWhole().catch((error: unknown) => error)
  assert.ok(failed instanceof PeerFailure)
})

test.run()
