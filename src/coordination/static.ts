/**
 * Coordination without a consensus service: one node per region, one region named the keeper. Every
 * region persists the highest record it has seen, and serves after a start only once it has heard
 * the keeper, or a majority of the regions, or its operator's word that the others are stopped
 * (`--others-stopped`): a record that took effect while it was away is known to one of those.
 *
 * There is no automatic fail-over here, and invariant H rests on the operator's statements.
 */

import { z } from 'zod'
import { assert } from '../model/assert.ts'
import { DenizenError } from '../model/errors.ts'
import type { Hasher } from '../model/hash.ts'
import type { PolicyData } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Disk } from '../runtime/disk.ts'
import type { Logger } from '../runtime/log.ts'
import { type Random, randomId } from '../runtime/random.ts'
import { type Build, buildSchema } from './build.ts'
import {
  type ClusterRecord,
  compareOrder,
  foundCluster,
  hasMember,
  type Joining,
  type RecordOrder,
} from './cluster-record.ts'
import { type Coordination, CoordinationError } from './coordination.ts'
import { stillToHear } from './hearing.ts'
import { HeldRecord } from './held-record.ts'
import { Keeper } from './keeper.ts'
import { KeeperActs } from './keeper-acts.ts'

export interface StaticCoordinationOptions {
  readonly self: RegionId
  readonly nodeId: string
  readonly url: string
  readonly build: Build
  /** The compiled denizen.yaml: founds a cluster that does not exist yet, and is ignored after. */
  readonly desired: PolicyData
  readonly othersStopped: boolean
  /**
   * The data directory was restored from a backup, so that others may know higher records than it
   * kept: it hears all of them but those that are lost for good. Undefined: it was not.
   */
  readonly restored: { readonly lost: ReadonlySet<RegionId> } | undefined
  readonly disk: Disk
  /** Where the record is kept. */
  readonly path: string
  readonly hasher: Hasher
  readonly random: Random
  readonly clock: Clock
  readonly log: Logger
  /** Calls a peer; rejects where it can't be reached. */
  readonly call: (region: RegionId, name: string, body: unknown) => Promise<unknown>
}

const RETRY_MS = 100

const text = z.string().min(1)
const joinSchema = z.strictObject({ nodeId: text, url: text, build: buildSchema })

export class StaticCoordination implements Coordination {
  readonly #options: StaticCoordinationOptions
  readonly #held: HeldRecord
  /** Changes the record, where this region is the keeper. */
  readonly keeper: Keeper
  /** What operators ask of the keeper. */
  readonly acts: KeeperActs
  #waitingFor: string | undefined = 'the cluster record has not been read yet'
  #stopped = false
  readonly #fetching = new Set<RegionId>()

  constructor(options: StaticCoordinationOptions) {
    this.#options = options
    this.#held = new HeldRecord(options)
    this.keeper = new Keeper({ ...options, held: this.#held })
    this.acts = new KeeperActs({
      ...{ ...options, held: this.#held, keeper: this.keeper },
      regions: () => this.#regions(),
      keeperOf: () => this.#keeper(),
    })
  }

  record(): ClusterRecord {
    assert(this.#held.current, 'coordination has started')
    return this.#held.current
  }
  order(): RecordOrder | undefined {
    return this.#held.current
  }
  clusterId(): string | undefined {
    return this.#held.current?.clusterId
  }
  onChange(listener: (record: ClusterRecord) => void): void {
    this.#held.onChange(listener)
  }
  waitingFor(): string | undefined {
    return this.#waitingFor
  }
  stop(): void {
    this.#stopped = true
  }

  /** Reads what this data directory knows, so that links can name their cluster. */
  async load(): Promise<void> {
    await this.#held.load()
  }

  async start(): Promise<void> {
    await this.#hearOthers()
    if (!this.#held.current) await this.#foundOrFetch()
    await this.#join()
    this.#waitingFor = undefined
  }

  observe(region: RegionId, order: RecordOrder): void {
    if (!this.#held.current || compareOrder(order, this.#held.current) <= 0) return
    if (this.#fetching.has(region)) return
    this.#fetching.add(region)
    this.#fetch(region)
      .catch((error: unknown) => {
        this.#options.log.warn('a newer cluster record could not be fetched', {
          region,
          reason: error instanceof Error ? error.message : String(error),
        })
      })
      .finally(() => this.#fetching.delete(region))
  }

  /** Answers peers: what it knows and runs and, at the keeper, what changes the record. */
  async answer(from: RegionId, name: string, body: unknown): Promise<unknown> {
    if (name === 'coordination.read') return this.#held.current ?? null
    if (name === 'coordination.build') return this.#options.build
    if (name === 'coordination.join') return await this.keeper.admit(from, joinSchema.parse(body))
    if (name === 'coordination.learn') {
      if (this.#held.current) await this.#held.learn(body, from)
      return null
    }
    return await this.acts.answer(name, body)
  }

  /** The regions of the record, or of the policy that would found it. */
  #regions(): RegionId[] {
    return (this.#held.current?.current ?? this.#options.desired).regions.map(({ id }) => id)
  }
  #keeper(): RegionId {
    return (this.#held.current?.current ?? this.#options.desired).keeper
  }

  /** See `stillToHear`. */
  async #hearOthers(): Promise<void> {
    const { self, othersStopped, restored } = this.#options
    const heard = new Set<RegionId>([self])
    const missing = (): string | undefined => {
      const [regions, keeper] = [this.#regions(), this.#keeper()]
      return stillToHear({ self, keeper, regions, heard, othersStopped, restored })
    }
    while (missing() !== undefined) {
      await Promise.all(
        this.#regions()
          .filter(region => !heard.has(region))
          .map(region => this.#fetch(region).then(() => heard.add(region), unreachableYet)),
      )
      await this.#retryWhile(missing)
    }
  }

  /** Pauses while there is something to wait for. Throws once the node is stopping. */
  async #retryWhile(waitingFor: () => string | undefined): Promise<void> {
    const reason = waitingFor()
    if (reason === undefined) return
    this.#waitingFor = reason
    if (this.#stopped) throw new CoordinationError('the node is stopping', 'Start it again.')
    const { clock } = this.#options
    await new Promise<void>(resolve => void clock.after(RETRY_MS, resolve))
  }

  async #foundOrFetch(): Promise<void> {
    const { self, build, desired, hasher, random, clock, log } = this.#options
    if (desired.keeper === self) {
      const sessionKey = Buffer.from(random.bytes(32)).toString('hex')
      const record = foundCluster(desired, hasher, {
        ...{ clusterId: randomId(random), sessionKey, dataFormat: build.newest },
        inForceSinceMs: Math.floor(clock.wallMs()),
      })
      await this.#held.adopt(record, self)
      log.info('a new cluster was founded', { cluster: desired.cluster, policyEpoch: 1 })
      return
    }
    const { keeper } = desired
    while (!this.#held.current) {
      await this.#fetch(keeper).catch(unreachableYet)
      await this.#retryWhile(() =>
        this.#held.current ? undefined : `the keeper (${keeper}) to found the cluster`,
      )
    }
  }

  /** Enters this node as its region's, at the keeper. */
  async #join(): Promise<void> {
    const { self, nodeId, url, build, call } = this.#options
    const joining: Joining = { nodeId, url, build }
    const member = this.record().members[self]
    if (!member) {
      throw new CoordinationError(
        `the policy in force has no region ${self}`,
        'Check --region; a region is added to a running cluster by policy apply.',
      )
    }
    if (hasMember(this.record(), self, joining)) return
    this.#refuseStranger(self, nodeId)
    for (;;) {
      try {
        const keeper = this.#keeper()
        if (keeper === self) await this.keeper.admit(self, joining)
        else await this.#held.learn(await call(keeper, 'coordination.join', joining), keeper)
        return
      } catch (error) {
        if (error instanceof CoordinationError) throw error
        if (error instanceof DenizenError && error.code === 'bad_request') {
          throw new CoordinationError(error.message, lostDisk)
        }
        // It is entered already: its address and build are told another time.
        if (member.nodeId === nodeId) return
        await this.#retryWhile(() => `the keeper (${this.#keeper()}) to enter this node`)
      }
    }
  }

  #refuseStranger(region: RegionId, nodeId: string): void {
    const entered = this.record().members[region]?.nodeId
    if (!entered || entered === nodeId) return
    throw new CoordinationError(
      `region ${region} belongs to node ${entered}, and this data directory is node ${nodeId}`,
      lostDisk,
    )
  }

  async #fetch(region: RegionId): Promise<void> {
    const body = await this.#options.call(region, 'coordination.read', {})
    if (body === null) return
    const record = this.#held.parse(body)
    if (!this.#held.current && record.current.keeper === this.#options.self) {
      throw new CoordinationError(
        `this region is the keeper of a cluster that ${region} knows, but its data directory is empty`,
        'Bring the data directory back. A lost keeper is replaced by denizen keeper adopt.',
      )
    }
    await this.#held.adopt(record, region)
  }
}

const lostDisk =
  'Give the node its old --data directory back. A region whose disk is lost returns by denizen restore, from a backup of it; a development world starts over when its data directory is removed.'

/** A peer that does not answer is asked again; what the operator must mend is not. */
const unreachableYet = (error: unknown): void => {
  if (error instanceof CoordinationError) throw error
}
