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
import { decodeCbor, encodeCbor } from '../protocol/cbor.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Disk } from '../runtime/disk.ts'
import type { Logger } from '../runtime/log.ts'
import { type Random, randomId } from '../runtime/random.ts'
import {
  type ClusterRecord,
  clusterRecordSchema,
  compareOrder,
  foundCluster,
  type RecordOrder,
  withMember,
} from './cluster-record.ts'
import { type Coordination, CoordinationError } from './coordination.ts'

export interface StaticCoordinationOptions {
  readonly self: RegionId
  readonly nodeId: string
  readonly url: string
  /** The compiled denizen.yaml: founds a cluster that does not exist yet, and is ignored after. */
  readonly desired: PolicyData
  readonly othersStopped: boolean
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

const joinSchema = z.strictObject({ nodeId: z.string().min(1), url: z.string().min(1) })

export class StaticCoordination implements Coordination {
  readonly #options: StaticCoordinationOptions
  readonly #listeners: ((record: ClusterRecord) => void)[] = []
  #record: ClusterRecord | undefined
  /** Changes of the record, one after the other. */
  #changing: Promise<unknown> = Promise.resolve()
  #waitingFor: string | undefined = 'the cluster record has not been read yet'
  #stopped = false
  readonly #fetching = new Set<RegionId>()

  constructor(options: StaticCoordinationOptions) {
    this.#options = options
  }

  record(): ClusterRecord {
    assert(this.#record, 'coordination has started')
    return this.#record
  }
  order(): RecordOrder | undefined {
    return this.#record
  }
  clusterId(): string | undefined {
    return this.#record?.clusterId
  }
  onChange(listener: (record: ClusterRecord) => void): void {
    this.#listeners.push(listener)
  }
  waitingFor(): string | undefined {
    return this.#waitingFor
  }
  stop(): void {
    this.#stopped = true
  }

  /** Reads what this data directory knows, so that links can name their cluster. */
  async load(): Promise<void> {
    const bytes = await this.#options.disk.read(this.#options.path)
    if (bytes) this.#record = parseRecord(decodeCbor(bytes))
  }

  async start(): Promise<void> {
    await this.#hearOthers()
    if (!this.#record) await this.#foundOrFetch()
    await this.#join()
    this.#waitingFor = undefined
  }

  observe(region: RegionId, order: RecordOrder): void {
    if (!this.#record || compareOrder(order, this.#record) <= 0) return
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

  /** Answers peers: `coordination.read` and, at the keeper, `coordination.join`. */
  async answer(from: RegionId, name: string, body: unknown): Promise<unknown> {
    if (name === 'coordination.read') return this.#record ?? null
    if (name === 'coordination.join') return await this.#admit(from, joinSchema.parse(body))
    throw new DenizenError('bad_request', 'coordination has no such call')
  }

  /** The regions of the record, or of the policy that would found it. */
  #regions(): RegionId[] {
    return (this.#record?.current ?? this.#options.desired).regions.map(({ id }) => id)
  }
  #keeper(): RegionId {
    return (this.#record?.current ?? this.#options.desired).keeper
  }

  /**
   * Hears the keeper or a majority, this region included. Regions without a record count: a
   * majority that knows nothing shows that there is nothing to know.
   */
  async #hearOthers(): Promise<void> {
    const { self, othersStopped, clock } = this.#options
    const regions = this.#regions()
    const keeper = this.#keeper()
    const majority = Math.floor(regions.length / 2) + 1
    const heard = new Set<RegionId>([self])
    const enough = (): boolean =>
      othersStopped || heard.size >= majority || (keeper !== self && heard.has(keeper))
    while (!enough()) {
      if (this.#stopped) throw new CoordinationError('the node is stopping', 'Start it again.')
      await Promise.all(
        regions
          .filter(region => !heard.has(region))
          .map(region => this.#fetch(region).then(() => heard.add(region), unreachableYet)),
      )
      this.#waitingFor = `to hear the keeper (${keeper}) or ${majority} of ${regions.length} regions; heard ${heard.size}, this one included. If the others are stopped for certain, start with --others-stopped`
      if (!enough()) await pause(clock, RETRY_MS)
    }
  }

  async #foundOrFetch(): Promise<void> {
    const { self, desired, hasher, random, clock, log } = this.#options
    if (desired.keeper === self) {
      const sessionKey = Buffer.from(random.bytes(32)).toString('hex')
      const record = foundCluster(desired, hasher, { clusterId: randomId(random), sessionKey })
      await this.#adopt(record)
      log.info('a new cluster was founded', { cluster: desired.cluster, policyEpoch: 1 })
      return
    }
    while (!this.#record) {
      if (this.#stopped) throw new CoordinationError('the node is stopping', 'Start it again.')
      this.#waitingFor = `the keeper (${desired.keeper}) to found the cluster`
      await this.#fetch(desired.keeper).catch(unreachableYet)
      if (!this.#record) await pause(clock, RETRY_MS)
    }
  }

  /** Enters this node as its region's, at the keeper. */
  async #join(): Promise<void> {
    const { self, nodeId, url, call, clock } = this.#options
    const member = this.record().members[self]
    if (!member) {
      throw new CoordinationError(
        `the policy in force has no region ${self}`,
        'Check --region; a region is added to a running cluster by policy apply.',
      )
    }
    if (member.nodeId === nodeId && member.url === url) return
    this.#refuseStranger(self, nodeId)
    for (;;) {
      if (this.#stopped) throw new CoordinationError('the node is stopping', 'Start it again.')
      try {
        if (this.#keeper() === self) await this.#admit(self, { nodeId, url })
        else
          await this.#adopt(
            parseRecord(await call(this.#keeper(), 'coordination.join', { nodeId, url })),
            this.#keeper(),
          )
        return
      } catch (error) {
        if (error instanceof CoordinationError) throw error
        if (error instanceof DenizenError && error.code === 'bad_request') {
          throw new CoordinationError(error.message, lostDisk)
        }
        if (member.nodeId === nodeId) return // Only the address changed; it is told another time.
        this.#waitingFor = `the keeper (${this.#keeper()}) to enter this node`
        await pause(clock, RETRY_MS)
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

  /** Joins come together: each is judged on the record that the one before it has left. */
  #admit(region: RegionId, change: { nodeId: string; url: string }): Promise<ClusterRecord> {
    return this.#inTurn(async () => {
      if (!this.#record || this.#keeper() !== this.#options.self) {
        throw new DenizenError('coordinator_unavailable', 'this region is not the keeper')
      }
      const member = this.#record.members[region]
      if (!member || (member.nodeId && member.nodeId !== change.nodeId)) {
        throw new DenizenError('bad_request', `region ${region} belongs to another node`)
      }
      if (member.nodeId !== change.nodeId || member.url !== change.url) {
        await this.#keep(withMember(this.#record, region, change))
      }
      return this.record()
    })
  }

  async #fetch(region: RegionId): Promise<void> {
    const body = await this.#options.call(region, 'coordination.read', {})
    if (body === null) return
    const record = parseRecord(body)
    if (!this.#record && record.current.keeper === this.#options.self) {
      throw new CoordinationError(
        `this region is the keeper of a cluster that ${region} knows, but its data directory is empty`,
        'Bring the data directory back. A lost keeper is replaced by denizen keeper adopt.',
      )
    }
    await this.#adopt(record, region)
  }

  /** Takes a record if it is higher than the one held. `from` is for the message alone. */
  #adopt(record: ClusterRecord, from = this.#options.self): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#record && record.clusterId !== this.#record.clusterId) {
        throw new CoordinationError(
          `region ${from} belongs to another cluster (${record.clusterId})`,
          'Check --peer and --data: two clusters share these addresses.',
        )
      }
      if (this.#record && compareOrder(record, this.#record) <= 0) return
      await this.#keep(record)
    })
  }

  /** Persists a record, then acts under it. */
  async #keep(record: ClusterRecord): Promise<void> {
    await this.#options.disk.replace(this.#options.path, encodeCbor(record))
    this.#record = record
    for (const listener of this.#listeners) listener(record)
  }

  /** What looks at the record and changes it runs one after the other. */
  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const done = this.#changing.then(task)
    this.#changing = done.catch(() => {})
    return done
  }
}

const lostDisk =
  'Give the node its old --data directory back. A region whose disk is lost returns by fail-over, which this version does not have; a development world starts over when its data directory is removed.'

const parseRecord = (body: unknown): ClusterRecord => clusterRecordSchema.parse(body)

/** A peer that does not answer is asked again; what the operator must mend is not. */
const unreachableYet = (error: unknown): void => {
  if (error instanceof CoordinationError) throw error
}

const pause = (clock: Clock, delayMs: number): Promise<void> =>
  new Promise(resolve => {
    clock.after(delayMs, resolve)
  })
