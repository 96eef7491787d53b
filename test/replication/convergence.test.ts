/**
 * Regions that write, replicate, lose streams and power, for thousands of steps. At every moment:
 * no copy goes backwards (T), no complete cursor and no staleness claims what is not there, what is
 * called complete everywhere is in every copy that answers sessions (S), no copy between two states
 * has half of a transaction, no repeat is applied twice (X). Once all is healed: every copy has
 * caught up, so no credit was lost on the way, all know that of each other, and all digests agree.
 *
 * `DENIZEN_SEED=n` runs one seed again.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Transaction } from '../../src/execution/operation.ts'
import type { WriteReply, WriteRequest } from '../../src/execution/operations/write.ts'
import type { Key } from '../../src/model/key.ts'
import type { Placement } from '../../src/model/placement.ts'
import { feedRegionNumber, type Position } from '../../src/model/position.ts'
import type { RegionId, Slot } from '../../src/model/slot.ts'
import { claimTerm, compareVersions, type Version } from '../../src/model/version.ts'
import { recordChecksum } from '../../src/storage/record.ts'
import type { GroupHome } from '../../src/storage/row-values.ts'
import { readU53 } from '../../src/storage/rows.ts'
import { dataset, policy, tableOf } from '../support/policies.ts'
import { type CopyOfStore, ReplicatingWorld } from '../support/replicating-world.ts'
import { type SeededRandom, seededRandom, seedsOfRun } from '../support/seeded-random.ts'

const regions = ['one', 'two', 'three']
const table = tableOf(
  policy(regions, [
    dataset('plain', regions, { homing: { kind: 'hash' }, slots: 3 }),
    dataset('grouped', regions, { home: ['one', 'two'], groupBySegments: 1, slots: 2 }),
  ]),
)

interface Acknowledged {
  readonly key: Key
  readonly version: Version
  readonly slot: Slot
  readonly feed: number
  readonly position: Position
  readonly home: RegionId
  readonly atMs: number
  /** Written by the same transaction. */
  readonly together?: Key
}

/** A write that is sent again and again: it must come to one version. */
interface Repeated {
  readonly placement: Placement
  readonly home: RegionId
  readonly request: WriteRequest
  version: Version | undefined
}

/** Reads the version alone: the checks after each flush must not cost more than the world. */
const versionOf = (bytes: Uint8Array): Version => ({
  term: readU53(bytes, 10),
  seq: readU53(bytes, 18),
})

class Run {
  readonly #random: SeededRandom
  readonly #world: ReplicatingWorld
  /** By dataset: what clients were told, the newest of each key and feed position last. */
  readonly #acknowledged = new Map<string, Acknowledged[]>()
  /** By directory and key. */
  readonly #seen = new Map<string, Map<string, Version>>()
  readonly #repeated: Repeated[] = []
  acknowledgedCount = 0
  /** Writes that were found in a copy, and called complete everywhere by some region. */
  everywhereCount = 0
  repeats = 0

  constructor(seed: number) {
    this.#random = seededRandom(seed)
    this.#world = new ReplicatingWorld({ table, random: this.#random, threads: 2, stores: 2 })
  }

  async go(steps: number): Promise<void> {
    for (const region of regions) await this.#world.start(region)
    for (let n = 0; n < steps; n++) {
      await this.#disturb()
      if (!this.#random.oneIn(3)) this.#write()
      const deliveries = this.#random.below(12)
      for (let d = 0; d < deliveries; d++) await this.#world.step()
      this.#world.clock.advance(this.#random.below(40))
      await this.#check()
    }
    await this.#heal()
  }

  async #disturb(): Promise<void> {
    const world = this.#world
    const random = this.#random
    if (random.oneIn(10)) world.connect(random.pick(regions), random.pick(regions))
    for (const region of regions) {
      if (!world.running.has(region) && random.oneIn(20)) await world.start(region)
    }
    if (random.oneIn(60)) random.pick([...world.pipes.values(), undefined])?.close()
    if (random.oneIn(150)) world.crash(random.pick(regions))
    if (random.oneIn(10)) this.#expire()
  }

  #expire(): void {
    const { running, clock } = this.#world
    for (const { shards } of running.values()) {
      for (const { id } of table.placements) {
        if (!shards.stores(id)) continue
        shards.callAll(id, 'expire', { nowMs: clock.wallMs() }).catch(() => {})
      }
    }
  }

  #write(): void {
    const random = this.#random
    const placement = random.pick([...table.placements])
    const key = `g${random.below(6)}${random.oneIn(2) ? '/a' : '/b'}` as Key
    const group = placement.groupOf(key)
    const slot = placement.slotOf(group)
    const home = placement.computedHome(group) ?? random.pick([homeOf(placement, group)])
    const process = this.#world.running.get(home)
    if (!process) return
    const number = regions.indexOf(home) + 1
    const claimed = { region: number, feed: this.#world.feedOf(home), term: claimTerm(1, number) }
    const sizeBytes = random.oneIn(12) ? 150_000 : random.oneIn(150) ? 3_000_000 : 20
    const bytes = random.bytes(16)
    const value = new Uint8Array(sizeBytes)
    value.set(bytes)
    const common = {
      nowMs: this.#world.clock.wallMs(),
      ...(placement.computedHome(group) === undefined && { claimed }),
    }
    if (group !== key && random.oneIn(4)) {
      this.#transact(placement, home, group as Key, value, common)
      return
    }
    const ttl = random.oneIn(6) ? { ttlMs: 300 } : {}
    const request: WriteRequest = {
      key,
      value: random.oneIn(6) ? undefined : { bytes: value, mediaType: 'x/y', ...ttl },
      precondition: {},
      ...common,
    }
    if (random.oneIn(4)) this.#repeat(placement, home, request)
    process.shards.call(placement.id, slot, 'write', request).then(
      reply => this.#acknowledge(placement, home, key, reply),
      () => {},
    )
  }

  /** Both keys of a group at once. */
  #transact(
    placement: Placement,
    home: RegionId,
    group: Key,
    value: Uint8Array,
    common: { readonly nowMs: number; readonly claimed?: GroupHome },
  ): void {
    const [a, b] = [`${group}/a` as Key, `${group}/b` as Key]
    const success = [a, b].map(key => ({ kind: 'put', key, value, mediaType: 'x/y' }) as const)
    const transaction: Transaction = {
      ...{ kind: 'transaction', key: group, conditions: [], success, failure: [] },
    }
    const { shards } = this.#world.running.get(home) ?? {}
    const slot = placement.slotOf(group)
    shards?.call(placement.id, slot, 'transact', { transaction, ...common }).then(
      reply => {
        const [result] = reply.kind === 'transacted' ? reply.results : []
        if (result?.kind !== 'written') return
        const { version } = result
        const point = { slot, feed: this.#world.feedOf(home), position: version.seq }
        const known = { region: home, term: version.term }
        const written = { kind: 'written', version, created: false, point, home: known } as const
        this.#acknowledge(placement, home, a, written, b)
      },
      () => {},
    )
  }

  /** Sends a write that was sent before, or a first one, under its idempotency key. */
  #repeat(placement: Placement, home: RegionId, request: WriteRequest): void {
    const random = this.#random
    if (this.#repeated.length === 0 || random.oneIn(3)) {
      const idempotency = { principal: '', key: `k${this.#repeated.length}` }
      this.#repeated.push({
        ...{ placement, home, version: undefined },
        request: { ...request, idempotency },
      })
    }
    const one = random.pick(this.#repeated)
    const { shards } = this.#world.running.get(one.home) ?? {}
    const { key } = one.request
    const slot = one.placement.slotOf(one.placement.groupOf(key))
    shards?.call(one.placement.id, slot, 'write', one.request).then(
      reply => {
        if (reply.kind !== 'written' && reply.kind !== 'deleted') return
        one.version ??= reply.version
        assert.equal(reply.version, one.version, 'a repeat is applied once')
        this.repeats += 1
      },
      () => {},
    )
  }

  #acknowledge(
    placement: Placement,
    home: RegionId,
    key: Key,
    reply: WriteReply,
    together?: Key,
  ): void {
    if (reply.kind !== 'written' && reply.kind !== 'deleted') return
    const { version, point } = reply
    const atMs = this.#world.clock.monotonicMs()
    const log = this.#acknowledged.get(placement.id) ?? []
    this.#acknowledged.set(placement.id, log)
    // An older entry of the key would be asked for less than this one in every check.
    log.push({ key, version, ...point, home, atMs, ...(together && { together }) })
    if (log.length > 150) log.shift()
    this.acknowledgedCount += 1
  }

  async #check(): Promise<void> {
    const world = this.#world
    assert.equal(world.complaints, [])
    for (const copy of world.copies()) {
      if (!world.flushed.delete(copy.directory)) continue
      await this.#checkCopy(copy)
    }
  }

  async #checkCopy(copy: CopyOfStore): Promise<void> {
    const reader = await this.#world.read(copy)
    const held = new Map<string, Version>()
    for (const { key, bytes } of reader.recordRows('')) held.set(key, versionOf(bytes))
    const seen = this.#seen.get(copy.directory) ?? new Map<string, Version>()
    this.#seen.set(copy.directory, held)
    for (const [key, version] of seen) {
      const now = held.get(key)
      assert.ok(now && compareVersions(now, version) >= 0, `${copy.directory} went backwards`)
    }
    for (const write of this.#acknowledged.get(copy.dataset) ?? []) {
      if (!this.#isIn(copy, write)) continue
      const { complete, end, replacing } = reader.feedState(write.slot, write.feed)
      const has = held.get(write.key)
      const there = has !== undefined && compareVersions(has, write.version) >= 0
      if (complete >= write.position) assert.ok(there, `${copy.directory}: an empty claim`)
      if (write.together && complete === end && !replacing) {
        const other = held.get(write.together)
        const both = other !== undefined && compareVersions(other, write.version) >= 0
        assert.is(there, both, `${copy.directory}: half a transaction`)
      }
      if (copy.region === write.home) assert.ok(there, `${copy.directory} lost a write`)
      const freshMs = this.#freshUntilMs(copy, write)
      if (freshMs > write.atMs) assert.ok(there, `${copy.directory} is older than it says`)
      const isWhole = [...reader.feedsOfSlot(write.slot)].every(
        ({ state }) => state.complete === state.end && !state.replacing,
      )
      if (isWhole && this.#isEverywhere(copy.dataset, write)) {
        this.everywhereCount += 1
        assert.ok(complete >= write.position, `${copy.directory} lacks what all have`)
      }
    }
  }

  /** A token that some region has made may leave it out. */
  #isEverywhere(dataset: string, write: Acknowledged): boolean {
    return [...this.#world.running.values()].some(({ ages }) => ages.isEverywhere(dataset, write))
  }

  /** The moment up to which the copy says to have everything of the write's home. */
  #freshUntilMs(copy: CopyOfStore, { slot, home }: Acknowledged): number {
    const { ages } = this.#world.running.get(copy.region) ?? {}
    const stalenessMs = ages?.stalenessMs(copy.dataset, slot, home)
    if (stalenessMs === undefined) return Number.NEGATIVE_INFINITY
    return this.#world.clock.monotonicMs() - stalenessMs
  }

  #isIn(copy: CopyOfStore, { slot }: Acknowledged): boolean {
    return copy.directory.endsWith(`/${slot % 2}`)
  }

  async #heal(): Promise<void> {
    const world = this.#world
    for (const region of regions) if (!world.running.has(region)) await world.start(region)
    for (let n = 0; n < 4; n++) {
      world.connectAll()
      await world.settle()
      world.clock.advance(1_000)
    }
    await world.settle()
    for (const { directory } of world.copies()) world.flushed.add(directory)
    await this.#check()
    for (const copy of world.copies()) {
      for (const { slot, feed, state } of (await world.read(copy)).feedStates()) {
        const host = regions[feedRegionNumber(feed) - 1] ?? ''
        await this.#assertCaughtUp(copy, host, slot, feed, state.complete)
      }
    }
    assert.is(new Set((await this.#digests()).map(text => text.replace(/^\S+ /, ''))).size, 5)
    await this.#assertFresh()
    this.#assertKnownEverywhere()
  }

  #assertKnownEverywhere(): void {
    for (const { region, ages } of this.#world.running.values()) {
      for (const [dataset, writes] of this.#acknowledged) {
        for (const write of writes) {
          assert.ok(ages.isEverywhere(dataset, write), `${region} does not know what all have`)
        }
      }
    }
  }

  async #assertCaughtUp(
    copy: CopyOfStore,
    host: RegionId,
    slot: Slot,
    feed: number,
    complete: Position,
  ): Promise<void> {
    for (const other of this.#world.copies()) {
      if (other.region !== host || other.dataset !== copy.dataset) continue
      if (other.directory.slice(-2) !== copy.directory.slice(-2)) continue
      const { end } = (await this.#world.read(other)).feedState(slot, feed)
      assert.is(complete, end, `${copy.directory} has not caught up with ${host}`)
    }
  }

  /** One line of each region, dataset and slot: all regions must say the same. */
  async #digests(): Promise<string[]> {
    const lines: string[] = []
    for (const copy of this.#world.copies()) {
      const reader = await this.#world.read(copy)
      const sums = new Map<Slot, bigint>()
      for (const { key, record } of reader.records('')) {
        const slot = reader.slotOfKey(key)
        const bytes = reader.recordBytes(key)
        if (record.tombstone || !bytes) continue
        sums.set(slot, BigInt.asUintN(64, (sums.get(slot) ?? 0n) + recordChecksum(bytes)))
      }
      for (let slot = 0; slot < copy.context.placement.data.slots; slot++) {
        if (slot % 2 !== Number(copy.directory.at(-1))) continue
        const sum = sums.get(slot) ?? 0n
        assert.is(reader.digest(slot).sum, sum, 'the digest is the sum of what is there')
        lines.push(`${copy.region} ${copy.dataset} ${slot} ${sum}`)
      }
    }
    return lines
  }

  async #assertFresh(): Promise<void> {
    for (const { region, ages } of this.#world.running.values()) {
      for (const placement of table.placements) {
        for (let slot = 0; slot < placement.data.slots; slot++) {
          const stalenessMs = ages.stalenessMs(placement.id, slot, undefined)
          assert.ok(stalenessMs !== undefined && stalenessMs <= 1_000, `${region} is not fresh`)
        }
      }
    }
  }
}

const homeOf = (placement: Placement, group: string): RegionId =>
  placement.data.home[group.charCodeAt(1) % placement.data.home.length] ?? ''

for (const seed of seedsOfRun(8)) {
  test(`seed ${seed}`, async () => {
    const run = new Run(seed)
    try {
      await run.go(500)
    } catch (error) {
      if (error instanceof Error) error.message = `DENIZEN_SEED=${seed}: ${error.message}`
      throw error
    }
    assert.ok(run.everywhereCount > 100, `${run.everywhereCount} were complete everywhere`)
    assert.ok(run.acknowledgedCount > 100 && run.repeats > 10, 'the run has written')
  })
}

test.run()
