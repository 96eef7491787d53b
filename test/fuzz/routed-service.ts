/** Routers of real regions behind the `Service` port: all that a node answers but its cluster. */

import type { PolicyData } from '../../src/model/placement.ts'
import type { Service } from '../../src/routing/service.ts'
import { Watches } from '../../src/routing/watches.ts'
import { createService } from '../api/world.ts'
import { dataset, policy, tableOf } from '../support/policies.ts'
import { RoutingWorld } from '../support/routing-world.ts'

const regions = ['one', 'two', 'three']

/** `things` is grouped by one segment; `far` is served elsewhere, `closed` nowhere else. */
const data: PolicyData = policy(regions, [
  dataset('things', ['one', 'two'], { serve: regions, groupBySegments: 1 }),
  dataset('pinned', ['one', 'two'], { homing: { kind: 'pinned', region: 'two' } }),
  dataset('parts', ['one'], { prefix: 'eu/', groupBySegments: 2 }),
  dataset('parts', ['two'], { prefix: 'us/', groupBySegments: 2 }),
  dataset('far', ['two']),
  dataset('closed', ['three'], { outside: 'refuse' }),
])

export interface RoutedService {
  readonly service: Service
  readonly world: RoutingWorld
}

export async function routedService(): Promise<RoutedService> {
  const world = await RoutingWorld.open(data)
  const { router, lists, shards, explain } = world.at('one')
  const watches = new Watches({
    ...{ self: 'one', shards, clock: world.clock, table: () => tableOf(data) },
    topology: {
      ...{ self: 'one', byNearness: regions },
      ...{ reachable: () => true, passes: () => true },
    },
    urlOf: (region: string) => `http://${region}.test`,
  })
  const { cluster } = createService()
  const service: Service = {
    region: 'one',
    admit: (...args) => router.admit(...args),
    findNow: () => undefined,
    execute: (...args) => router.execute(...args),
    create: (...args) => router.create(...args),
    transact: (...args) => router.transact(...args),
    list: (...args) => lists.list(...args),
    watch: (...args) => watches.watch(...args),
    explain: (...args) => explain.explain(...args),
    cluster,
    notReady: () => undefined,
    nodeNotReady: () => undefined,
    readOnly: () => false,
  }
  return { service, world }
}
