/** The receipt of a change of the policy: what is erased where, and what is still open. */
import type { ClusterRecord } from '../coordination/cluster-record.ts'
import { losingRegions } from '../model/policy-change.ts'
import type { LeftCopy } from '../model/policy-change-view.ts'
import type { RegionId } from '../model/slot.ts'
import type { RegionProgress } from '../movement/policy-driver.ts'
import { type Receipt, signReceipt } from '../receipts/receipt.ts'
import { receiptSigner } from './receipt-keys.ts'

/**
 * Of the change under way, or of the last one. `record` has a key that signs; `progress` is what
 * regions have said of the phase. Undefined where the policy in force is the one of the founding.
 */
export function policyReceipt(
  record: ClusterRecord,
  progress: readonly RegionProgress[],
  nowMs: number,
): Receipt | undefined {
  const { current, clusterId, policyEpoch, next, lastChange } = record
  if (!next && !lastChange) return undefined
  const leftCopies = next ? next.leftCopies : (lastChange?.leftCopies ?? [])
  const what = next
    ? { policyEpoch: next.policyEpoch, phase: next.phase, beganAtMs: next.beganMs }
    : {
        ...{ policyEpoch, phase: 'in force', beganAtMs: lastChange?.beganMs ?? 0 },
        ...{ endedAtMs: lastChange?.endedMs ?? 0, gained: lastChange?.gained ?? {} },
      }
  const draft = {
    ...{ cluster: current.cluster, clusterId, issuedAtMs: nowMs },
    what: { kind: 'policy', ...what },
    // Before the end of the last phase nothing counts as erased.
    regions: next ? [] : erasedBy(leftCopies, lastChange?.endedMs ?? 0),
    open: next ? openOf(losingRegions(current, next.policy), progress) : [],
    cannotProve,
  }
  return signReceipt(draft, receiptSigner(record))
}

function erasedBy(leftCopies: readonly LeftCopy[], endedMs: number) {
  const byRegion = Map.groupBy(leftCopies, ({ region }) => region)
  return [...byRegion].map(([region, copies]) => ({
    region,
    confirmedAtMs: endedMs,
    evidence: Object.fromEntries(
      copies.map(({ dataset, isErased, records, bytes, digest }) => [
        dataset,
        { what: isErased ? 'erased' : 'no home of it any more', records, bytes, digest },
      ]),
    ),
  }))
}

function openOf(losing: readonly RegionId[], progress: readonly RegionProgress[]) {
  const waits = new Map(progress.map(({ region, waitsFor }) => [region, waitsFor]))
  const unfinished = progress.filter(({ done }) => !done).map(({ region }) => region)
  const open = new Set<RegionId>([...losing, ...unfinished])
  return [...open].map(region => ({
    region,
    reason: waits.get(region) ?? 'the change of the policy is not over',
  }))
}

const cannotProve = [
  'That each region has told the truth: it speaks for itself, and the signature says only that this cluster wrote the receipt.',
  'That backups and exports of the regions that have left are gone: they are whoever made them to erase.',
  'What file systems, their snapshots and storage devices keep of blocks that were unlinked, and machines of their memory.',
  'That a region which left has no copy that was made behind its back.',
]
