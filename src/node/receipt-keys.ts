/** The receipt keys of the cluster record, as the outside and who signs see them. */
import type { ClusterRecord } from '../coordination/cluster-record.ts'
import { signingKey } from '../coordination/receipt-keys.ts'
import { DenizenError } from '../model/errors.ts'
import type { ReceiptKeys, ReceiptSigner } from '../receipts/receipt.ts'
import { signEd25519 } from '../runtime/signing.ts'

export const publicReceiptKeys = ({
  current,
  clusterId,
  receiptKeys = [],
}: ClusterRecord): ReceiptKeys => ({
  ...{ cluster: current.cluster, clusterId },
  keys: receiptKeys.map(({ private: _, ...key }) => key),
})

/** Throws `coordinator_unavailable` where the record has no key as yet. */
export function receiptSigner(record: ClusterRecord): ReceiptSigner {
  const key = signingKey(record)
  if (!key) throw new DenizenError('coordinator_unavailable', 'there is no receipt key yet')
  return { keyId: key.id, sign: bytes => signEd25519(key.private, bytes) }
}
