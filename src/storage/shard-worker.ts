/** The shard's side of the boundary: turns messages into calls on a `Shard`. */
import { assert } from '../model/assert.ts'
import type { Hasher } from '../model/hash.ts'
import { PlacementTable } from '../model/placement.ts'
import { RegionNumbers } from '../model/slot.ts'
import type { EngineKind } from './engine.ts'
import { type Handlers, type OperationMap, Shard } from './shard.ts'
import type { FromShard, ShardConfiguration, ToShard } from './shard-messages.ts'

export interface ShardWorkerOptions {
  readonly hasher: Hasher
  readonly engineKind: EngineKind
  readonly handlers: Handlers<OperationMap>
  readonly post: (message: FromShard) => void
}

/** Returns the function that takes the main thread's messages, in order. */
export function createShardWorker(options: ShardWorkerOptions): (message: ToShard) => void {
  const { post } = options
  let shard: Shard | undefined
  const fail = (error: unknown): void => post({ kind: 'fatal', trace: traceOf(error) })

  return message => {
    switch (message.kind) {
      case 'open':
        assert(!shard, 'a shard is opened once')
        openShard(options, message.configuration)
          .then(opened => {
            shard = opened
            post({ kind: 'opened' })
          })
          .catch(fail)
        return
      case 'requests':
        assert(shard, 'requests come after the shard has opened')
        shard.submit(message.requests)
        return
      case 'close':
        Promise.resolve(shard?.close())
          .then(() => post({ kind: 'closed' }))
          .catch(fail)
    }
  }
}

async function openShard(
  { hasher, engineKind, handlers, post }: ShardWorkerOptions,
  { policy, policyEpoch, self, regionNumbers, ownFeed, stores }: ShardConfiguration,
): Promise<Shard> {
  const table = new PlacementTable(policy, policyEpoch, hasher)
  const regions = new RegionNumbers(regionNumbers)
  const shard = new Shard({
    handlers,
    mayStore: dataset => table.byId(dataset)?.mayStore(self) === true,
    onReplies: replies => post({ kind: 'replies', replies }),
    onGrowth: growth => post({ kind: 'growth', growth }),
    onBug: error => post({ kind: 'bug', trace: traceOf(error) }),
    onFatal: error => post({ kind: 'fatal', trace: traceOf(error) }),
  })
  for (const { dataset, store, directory } of stores) {
    const placement = table.byId(dataset)
    assert(placement, 'the configuration names datasets of the policy')
    const engine = await engineKind.open(directory)
    shard.open(dataset, store, engine, { hasher, placement, self, ownFeed, regions })
  }
  return shard
}

function traceOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause === undefined ? '' : `\ncaused by ${traceOf(error.cause)}`
  return `${error.stack ?? error.message}${cause}`
}
