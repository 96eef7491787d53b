/** The shard operations that scrubs and repairs call, and the handlers that answer them there. */
import type { Slot } from '../model/slot.ts'
import type { SlotDigest } from '../storage/row-values.ts'
import { type ScrubReply, type ScrubRequest, scrub } from '../storage/scrub.ts'
import type { Handlers } from '../storage/shard.ts'
import type { StoreTransaction } from '../storage/transaction.ts'
import {
  type CopyOfRecord,
  copyOf,
  type RepairReply,
  type RepairRequest,
  repairRecord,
} from './repair-record.ts'
import { type SettleReply, type SettleRequest, settleRecord } from './settle-record.ts'
import { type SlotState, slotStates } from './slot-states.ts'
import {
  type ComparedPage,
  comparePage,
  type DifferencesRequest,
  digestOfPage,
  type FoundDifferences,
  findDifferences,
  type PageDigest,
  type PageRequest,
  type PageRequestWithDigest,
  type Testimony,
  testify,
  type WitnessRequest,
} from './slot-walk.ts'

export interface CorrectionRequest {
  readonly digests: readonly { readonly slot: Slot; readonly difference: SlotDigest }[]
}

export type RepairOperations = {
  slotStates: { request: Record<string, never>; reply: SlotState[] }
  digestOfPage: { request: PageRequest; reply: PageDigest }
  comparePage: { request: PageRequestWithDigest; reply: ComparedPage }
  findDifferences: { request: DifferencesRequest; reply: FoundDifferences }
  testify: { request: WitnessRequest; reply: Testimony[] }
  settleRecord: { request: SettleRequest; reply: SettleReply }
  scrub: { request: ScrubRequest; reply: ScrubReply }
  copyOf: { request: { readonly key: string }; reply: CopyOfRecord }
  repairRecord: { request: RepairRequest; reply: RepairReply }
  correctDigests: { request: CorrectionRequest; reply: undefined }
}

/** By difference: what was written since they were compared counts too. */
function correctDigests(store: StoreTransaction, { digests }: CorrectionRequest): undefined {
  for (const { slot, difference } of digests) store.addToDigest(slot, difference)
}

export const repairHandlers: Handlers<RepairOperations> = {
  reads: { copyOf, slotStates, digestOfPage, comparePage, findDifferences, testify },
  writes: { repairRecord, correctDigests, settleRecord },
  slices: { scrub },
}
