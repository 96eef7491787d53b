/**
 * Moves of groups between partitions, as far as a node takes part in them: it tells and holds what
 * is to go, and signs what has become of it. The copying is the mover's: no node may be allowed to
 * see both partitions. See docs/PROTOCOL.md, Moves between partitions.
 */
import type { HeldGroup, HoldRequest, MoveReceiptRequest } from '../api/administration.ts'
import { DenizenError } from '../model/errors.ts'
import type { Receipt } from '../receipts/receipt.ts'
import {
  type ErasureReceiptsOptions,
  ofWholeGroup,
  otherPartition,
  receiptOfAct,
} from './erasure-receipts.ts'

/** What `Administration.hold` says. */
export async function holdGroup(
  { table, holds }: ErasureReceiptsOptions,
  { dataset, group, forMs }: HoldRequest,
): Promise<HeldGroup> {
  const placement = ofWholeGroup(table, dataset, group)
  const { hash, state, erasedTerm, movedTo } = await holds.hold(placement, group, forMs)
  const { records, bytes, tag } = state
  return {
    ...{ group: hash, records, bytes, state: tag },
    ...(erasedTerm !== undefined && { erasedTerm }),
    ...(movedTo !== undefined && { movedTo }),
  }
}

/** What `Administration.moveReceipt` says. */
export async function moveReceipt(
  options: ErasureReceiptsOptions,
  { dataset, group, copied }: MoveReceiptRequest,
): Promise<Receipt> {
  const placement = ofWholeGroup(options.table, dataset, group)
  otherPartition(options.table, placement, copied.to)
  const { hash, movedTo } = await options.holds.hold(placement, group, 0)
  if (movedTo !== copied.to) {
    throw new DenizenError('not_found', 'the home of the group knows of no move to that partition')
  }
  const to = `${placement.data.name}/${copied.to}`
  const { records, bytes, digest } = copied
  return await receiptOfAct(options, placement, hash, {
    what: {
      kind: 'move',
      to: { dataset: to, group: copied.group },
      copied: { records, bytes, digest },
    },
    cannotProve: [
      'That the copy is what the digest says: whoever moved the group has read both and told so. Regions of the one partition may not see the other.',
      'What the mover, and the machine that it ran on, keeps of what went through it.',
      'That nothing was written to the new name meanwhile by others, or after the copy was verified.',
    ],
  })
}
