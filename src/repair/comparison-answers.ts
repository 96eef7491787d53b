/** What this region answers others that compare their copies with its own. */
import { assert } from '../model/assert.ts'
import { DenizenError } from '../model/errors.ts'
import type { Hasher } from '../model/hash.ts'
import type { Placement, PlacementTable } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import { placementAsked } from '../routing/receive.ts'
import type { ShardClient } from '../storage/shard-client.ts'
import { comparisonBounds } from './comparison-bounds.ts'
import {
  digestsRequestSchema,
  pageRequestSchema,
  witnessRequestSchema,
} from './comparison-messages.ts'
import type { RepairOperations } from './shard-operations.ts'
import { compareStates, packStates } from './slot-states.ts'

export interface ComparisonAnswersOptions {
  readonly self: RegionId
  readonly hasher: Hasher
  readonly table: () => PlacementTable
  readonly shards: ShardClient<RepairOperations>
  readonly onDamaged: (dataset: string, key: string) => void
  readonly onViolation: () => void
}

type Answer = (from: RegionId, body: unknown) => Promise<unknown>

/** By the name of the call. Each throws `stale_policy`, `residency_violation`, `bad_request`. */
export function comparisonAnswers(
  options: ComparisonAnswersOptions,
): Readonly<Record<string, Answer>> {
  const { hasher, shards, onDamaged } = options
  return {
    async 'compare.digests'(from, body) {
      const { dataset, states } = digestsRequestSchema.parse(body)
      const placement = storedByBoth(options, from, dataset)
      const compared = compareStates(states, await ownStates(shards, hasher, placement))
      if (!compared) throw new DenizenError('stale_policy', 'the slots are not as many as here')
      return { different: compared.different, apart: compared.apart }
    },

    async 'compare.page'(from, body) {
      const { dataset, ...page } = pageRequestSchema.parse(body)
      const bounds = [page.after, page.upTo].filter(bound => bound !== null)
      const isOwn = (asked: Placement): boolean =>
        isOfSlots(asked, page.slot) && bounds.every(bound => asked.hasKey(bound))
      storedByBoth(options, from, dataset, isOwn)
      const { rowsPerPage, bytesPerPage, pageSlack } = comparisonBounds
      const room = { rowsMax: rowsPerPage * pageSlack, bytesMax: bytesPerPage * pageSlack }
      const reply = await shards.call(dataset, page.slot, 'comparePage', { ...page, ...room })
      if (reply.kind === 'same') return reply
      const { damaged, ...heads } = reply
      for (const key of damaged) onDamaged(dataset, key)
      return heads
    },

    async 'compare.witness'(from, body) {
      const { dataset, slot, records } = witnessRequestSchema.parse(body)
      storedByBoth(
        options,
        from,
        dataset,
        asked => isOfSlots(asked, slot) && records.every(({ key }) => asked.hasKey(key)),
      )
      if (records.length > comparisonBounds.recordsAtOnce) {
        throw new DenizenError('bad_request', 'too many records are asked about at a time')
      }
      return await shards.call(dataset, slot, 'testify', { slot, records })
    },
  }
}

/** The states of all slots of this region's copy, as they are sent. */
export async function ownStates(
  shards: ShardClient<RepairOperations>,
  hasher: Hasher,
  { id, data }: Placement,
): Promise<Uint8Array> {
  const states = (await shards.callAll(id, 'slotStates', {})).flat()
  assert(new Set(states.map(({ slot }) => slot)).size === states.length, 'a slot is in one store')
  return packStates(hasher, data.slots, states)
}

const isOfSlots = ({ data }: Placement, slot: number): boolean => slot < data.slots

/**
 * As `placementAsked`, of those who may store it themselves: nobody else may compare. While the
 * policy changes where copies are, nobody does until all are whole.
 */
function storedByBoth(
  options: ComparisonAnswersOptions,
  from: RegionId,
  dataset: string,
  isInPlace?: (placement: Placement) => boolean,
): Placement {
  const placement = placementAsked(options, from, dataset, isInPlace)
  const { changing } = placement.data
  if (!placement.isComparable || (!changing && placement.isOfOtherPolicy(from))) {
    throw new DenizenError('stale_policy', 'copies come and go: nothing is compared meanwhile')
  }
  if (placement.mayStore(from)) return placement
  options.onViolation()
  throw new DenizenError('residency_violation', `${from} asked about a copy it may not store`)
}
