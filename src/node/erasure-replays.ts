/**
 * Erasures that the operator hands to `denizen restore` as receipts, for where no other region has
 * the ledger: kept in the data directory, and replayed when the node recovers.
 */
import { join } from 'node:path'
import { z } from 'zod'
import { erasureSchema } from '../movement/erasures.ts'
import { decodeCbor, encodeCbor } from '../protocol/cbor.ts'
import type { Receipt } from '../receipts/receipt.ts'
import { nodeDisk } from '../runtime/node-disk.ts'
import { StartError } from './start-error.ts'

const replaysSchema = z.array(
  z.strictObject({ dataset: z.string(), hash: z.string().min(1), erasure: erasureSchema }),
)
export type Replay = z.infer<typeof replaysSchema>[number]

const pathIn = (directory: string): string => join(directory, 'erasures.cbor')

/** What an erasure's receipt has the ledger say. Throws `StartError` for another receipt. */
export function replayOf({ what }: Receipt): Replay {
  const { kind, dataset, group: hash, ledger: erasure } = what
  const parsed = replaysSchema.element.safeParse({ dataset, hash, erasure })
  const isOfErasure = kind === 'erase' || kind === 'move'
  if (isOfErasure && parsed.success) return parsed.data
  const action = 'Name receipts of denizen erase, or denizen move.'
  throw new StartError('a receipt is not one of an erasure', action)
}

export async function keepReplays(directory: string, replays: readonly Replay[]): Promise<void> {
  if (replays.length > 0) await nodeDisk.replace(pathIn(directory), encodeCbor(replays))
}

export async function readReplays(directory: string): Promise<readonly Replay[]> {
  const bytes = await nodeDisk.read(pathIn(directory))
  return bytes ? replaysSchema.parse(decodeCbor(bytes)) : []
}

export const withoutDataset = ({ hash, erasure }: Replay) => ({ hash, erasure })
