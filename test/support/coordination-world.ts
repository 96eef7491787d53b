/** Regions under static coordination in one process: disks in memory, time by hand. */
import * as assert from 'uvu/assert'
import type { Build } from '../../src/coordination/build.ts'
import { StaticCoordination } from '../../src/coordination/static.ts'
import type { PolicyData } from '../../src/model/placement.ts'
import type { RegionId } from '../../src/model/slot.ts'
import { PeerFailure } from '../../src/peers/peers.ts'
import { decodeCbor, encodeCbor } from '../../src/protocol/cbor.ts'
import { silentLogger } from '../../src/runtime/log.ts'
import { manualClock } from './manual-clock.ts'
import { type MemoryDisk, memoryDisk } from './memory-disk.ts'
import { dataset, hasher, policy } from './policies.ts'
import { seededRandom } from './seeded-random.ts'

export const everywhere = ['one', 'two', 'three', 'four']
export const desired = policy(everywhere, [dataset('cities', everywhere)])
export const path = 'coordination.cbor'
export const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

export interface NodeOptions {
  readonly nodeId?: string
  readonly url?: string
  readonly disk?: MemoryDisk
  readonly desired?: PolicyData
  readonly othersStopped?: boolean
  readonly build?: Build
  readonly restored?: { readonly lost: ReadonlySet<RegionId> }
}

export const build: Build = { version: '1.0.0', oldest: 1, newest: 1 }

/** Regions in one process; calls cross as CBOR, and reach only nodes that run. */
export function world(seed = 7) {
  const running = new Map<RegionId, StaticCoordination>()
  const clock = manualClock()
  const random = seededRandom(seed)

  const call = async (from: RegionId, to: RegionId, name: string, body: unknown) => {
    await turn()
    const target = running.get(to)
    if (!target) throw new PeerFailure(false, 'not connected')
    const request = decodeCbor(encodeCbor(body))
    return decodeCbor(encodeCbor(await target.answer(from, name, request)))
  }

  async function node(self: RegionId, options: NodeOptions = {}): Promise<StaticCoordination> {
    const { nodeId = `node-${self}`, url = `http://${self}`, disk = memoryDisk() } = options
    const coordination = new StaticCoordination({
      self,
      nodeId,
      url,
      build: options.build ?? build,
      restored: options.restored,
      desired: options.desired ?? desired,
      othersStopped: options.othersStopped ?? false,
      disk,
      path,
      hasher,
      random,
      clock,
      log: silentLogger,
      call: (to, name, body) => call(self, to, name, body),
    })
    await coordination.load()
    return coordination
  }

  async function up(self: RegionId, options: NodeOptions = {}): Promise<StaticCoordination> {
    const coordination = await node(self, options)
    running.set(self, coordination)
    return coordination
  }

  /** Lets time pass; says whether the task has ended by then. */
  async function ended(task: Promise<unknown>, rounds = 40): Promise<boolean> {
    let settled = false
    const settle = (): void => {
      settled = true
    }
    task.then(settle, settle)
    for (let n = 0; n < rounds && !settled; n++) {
      for (let turns = 0; turns < 5; turns++) await turn()
      clock.advance(100)
    }
    return settled
  }

  return { running, node, up, ended, down: (region: RegionId) => running.delete(region) }
}

export const membersOf = (coordination: StaticCoordination): Record<RegionId, string | null> =>
  Object.fromEntries(
    Object.entries(coordination.record().members).map(([id, { nodeId }]) => [id, nodeId]),
  )

export async function failureOf(task: Promise<unknown>): Promise<Error> {
  return await task.then(
    () => assert.unreachable('it should have failed'),
    error => error,
  )
}

/** Founds a cluster of all regions; their disks. */
export async function founded(at: ReturnType<typeof world>): Promise<Map<RegionId, MemoryDisk>> {
  const disks = new Map(everywhere.map(region => [region, memoryDisk()]))
  const starts: Promise<void>[] = []
  for (const region of everywhere) {
    starts.push((await at.up(region, { disk: disks.get(region) as MemoryDisk })).start())
  }
  assert.ok(await at.ended(Promise.all(starts)))
  return disks
}
