/** A store as the shard that owns it has it open. */
import type { Slot } from '../model/slot.ts'
import type { Random } from '../runtime/random.ts'
import { DigestAudit } from './digest-audit.ts'
import type { Engine } from './engine.ts'
import { PackedRows } from './packed-rows.ts'
import { currentGeneration } from './row-values.ts'
import type { ShardRequest, TakeReplies } from './shard-requests.ts'
import { StoreReader } from './store.ts'
import { StoreChanges } from './store-changes.ts'
import type { StoreContext } from './store-context.ts'
import type { GenerationsAtOpen } from './transaction.ts'

export interface QueuedWrite {
  readonly request: ShardRequest
  readonly onReplies: TakeReplies
}

export interface OpenStore {
  readonly engine: Engine
  readonly context: StoreContext
  readonly roomBytes: () => number
  readonly reader: StoreReader
  readonly generationsAtOpen: GenerationsAtOpen
  readonly changes: StoreChanges
  readonly queue: QueuedWrite[]
  readonly audit: DigestAudit
  /** Where transactions make their rows, one after the other. */
  readonly rows: PackedRows
  /** Run between two commits, one each. */
  readonly slices: QueuedWrite[]
  /** The running commit loop, if any. */
  loop: Promise<void> | undefined
}

export function openStore({
  random,
  ...of
}: Pick<OpenStore, 'engine' | 'context' | 'roomBytes'> & { readonly random: Random }): OpenStore {
  const { engine, context } = of
  const reader = new StoreReader(engine, context)
  const generationsAtOpen = new Map<Slot, number>()
  for (const { slot, feed, state } of reader.feedStates()) {
    if (feed === context.ownFeed) generationsAtOpen.set(slot, currentGeneration(state))
  }
  return {
    ...{ ...of, reader, generationsAtOpen, queue: [], slices: [], loop: undefined },
    audit: new DigestAudit(reader),
    changes: new StoreChanges(random),
    rows: new PackedRows(),
  }
}

export const hasWork = ({ queue, slices }: OpenStore): boolean => queue.length + slices.length > 0
