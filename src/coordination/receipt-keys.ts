/**
 * The keys that sign the cluster's receipts. One of them signs; those before it are kept without
 * their private half, so that what they have signed can be verified for as long as the cluster is.
 */
import { z } from 'zod'
import { DenizenError } from '../model/errors.ts'

export const receiptKeySchema = z.strictObject({
  id: z.string().min(1),
  /** SubjectPublicKeyInfo, DER in base64. */
  public: z.string().min(1),
  /** PKCS #8, DER in base64; absent once the key is out of use. */
  private: z.string().min(1).exactOptional(),
  sinceMs: z.int().min(0),
  untilMs: z.int().min(0).exactOptional(),
})
export type ReceiptKey = z.infer<typeof receiptKeySchema>

export const RECEIPT_KEYS_FORMAT = 3

interface KeyedRecord {
  readonly revision: number
  readonly dataFormat: number
  readonly receiptKeys?: ReceiptKey[]
}

/** A record with a new key that signs from now on; those before it can't any more. */
export function withNewReceiptKey<R extends KeyedRecord>(
  record: R,
  pair: { readonly public: string; readonly private: string },
  nowMs: number,
): R {
  if (record.dataFormat < RECEIPT_KEYS_FORMAT) {
    const detail = 'not every node knows receipts: see denizen upgrade finalize'
    throw new DenizenError('upgrade_refused', detail)
  }
  const before = record.receiptKeys ?? []
  const retired = before.map(({ private: _, ...key }) => ({ untilMs: nowMs, ...key }))
  const id = `receipts-${before.length + 1}`
  const receiptKeys = [...retired, { id, ...pair, sinceMs: nowMs }]
  return { ...record, revision: record.revision + 1, receiptKeys }
}

/** The key that signs; undefined where the keeper has yet to make the first one. */
export const signingKey = ({
  receiptKeys = [],
}: KeyedRecord): (ReceiptKey & { readonly private: string }) | undefined =>
  receiptKeys.flatMap(({ private: secret, ...key }) =>
    secret === undefined ? [] : { ...key, private: secret },
  )[0]
