/**
 * Invariant D at level n, in regions that write, replicate, lose streams and power: at the moment
 * when a write is said to be in n regions, n disks hold it, or a later change of its key.
 *
 * `DENIZEN_SEED=n` runs one seed again.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Key } from '../../src/model/key.ts'
import type { RegionId } from '../../src/model/slot.ts'
import { compareVersions, type Version } from '../../src/model/version.ts'
import { dataset, policy, tableOf } from '../support/policies.ts'
import { ReplicatingWorld } from '../support/replicating-world.ts'
import { type SeededRandom, seededRandom, seedsOfRun } from '../support/seeded-random.ts'

const regions = ['one', 'two', 'three']
const table = tableOf(
  policy(regions, [dataset('plain', regions, { homing: { kind: 'hash' }, slots: 2 })]),
)
const [placement] = table.placements
if (!placement) throw new Error('the policy has a dataset')

interface Claim {
  readonly key: Key
  readonly version: Version
  readonly asked: number
  readonly regions: number
}

class Run {
  /** Writes that were said to be in as many regions as were asked for, and in fewer. */
  reached = 0
  tooFew = 0
  readonly #random: SeededRandom
  readonly #world: ReplicatingWorld
  /** What was said since the last look at the disks. */
  #claims: Claim[] = []

  constructor(seed: number) {
    this.#random = seededRandom(seed)
    this.#world = new ReplicatingWorld({ table, random: this.#random, threads: 1, stores: 1 })
  }

  async go(steps: number): Promise<void> {
    for (const region of regions) await this.#world.start(region)
    for (let n = 0; n < steps; n++) {
      await this.#disturb()
      if (this.#random.oneIn(2)) this.#write()
      const deliveries = this.#random.below(12)
      for (let d = 0; d < deliveries; d++) {
        await this.#world.step()
        await this.#check()
      }
      this.#world.clock.advance(this.#random.below(40))
      await this.#check()
    }
  }

  async #disturb(): Promise<void> {
    const [world, random] = [this.#world, this.#random]
    if (random.oneIn(5)) world.connect(random.pick(regions), random.pick(regions))
    for (const region of regions) {
      if (!world.running.has(region) && random.oneIn(20)) await world.start(region)
    }
    if (random.oneIn(60)) random.pick([...world.pipes.values(), undefined])?.close()
    if (random.oneIn(150)) world.crash(random.pick(regions))
  }

  #write(): void {
    const [random, clock] = [this.#random, this.#world.clock]
    const key = `k${random.below(12)}` as Key
    const home = placement?.computedHome(key) as RegionId
    const at = this.#world.running.get(home)
    if (!at) return
    // Some ranges are longer than a chunk: a follower is in their middle for a while.
    const bytes = new Uint8Array(random.oneIn(6) ? 150_000 : 20)
    const asked = 2 + random.below(2)
    const value = random.oneIn(5) ? undefined : { bytes, mediaType: 'x/y' }
    const request = { key, value, precondition: {}, nowMs: clock.wallMs() }
    at.shards.call('plain', placement?.slotOf(key) ?? 0, 'write', request).then(
      reply => {
        if (reply.kind !== 'written' && reply.kind !== 'deleted') return
        const { version, point } = reply
        void at.replication.regionsWith('plain', asked, [point]).then(([counted = 0]) => {
          this.#claims.push({ key, version, asked, regions: counted })
        })
      },
      () => {},
    )
  }

  async #check(): Promise<void> {
    assert.equal(this.#world.complaints, [])
    const claims = this.#claims
    this.#claims = []
    for (const { key, version, asked, regions: counted } of claims) {
      if (counted >= asked) this.reached += 1
      else this.tooFew += 1
      const holding = await this.#holding(key, version)
      assert.ok(holding.length >= counted, `said to be in ${counted}, but is in ${holding}`)
    }
  }

  /** Regions on whose disks the version, or a later one of the key, is. */
  async #holding(key: Key, version: Version): Promise<RegionId[]> {
    const holding: RegionId[] = []
    for (const copy of this.#world.copies()) {
      const head = (await this.#world.read(copy)).recordHead(key)
      if (head && compareVersions(head.version, version) >= 0) holding.push(copy.region)
    }
    return holding
  }
}

for (const seed of seedsOfRun(8)) {
  test(`seed ${seed}`, async () => {
    const run = new Run(seed)
    try {
      await run.go(500)
    } catch (error) {
      if (error instanceof Error) error.message = `DENIZEN_SEED=${seed}: ${error.message}`
      throw error
    }
    assert.ok(run.reached > 30, `${run.reached} reached, ${run.tooFew} not`)
  })
}

test.run()
