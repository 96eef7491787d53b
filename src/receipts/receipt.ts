/**
 * A receipt: what was done in which regions, when, by what evidence, what is still open, and what
 * it can't prove, signed with the cluster's receipt key. It is JSON, for other people's tools. What
 * is signed is the canonical form of all members but `signature`, in UTF-8 (RFC 8785, of which only
 * whole numbers are used here): members in the order of their UTF-16 names, no blanks.
 *
 * A signature says that this cluster wrote the receipt. It does not make what is in it true.
 */
import { z } from 'zod'
import { utf8 } from '../model/bytes.ts'
import { DenizenError } from '../model/errors.ts'

/** What may stand in a receipt: JSON without fractions, so that it has one form. */
const plainSchema: z.ZodType<Plain> = z.lazy(() =>
  z.union([
    z.string(),
    z.int(),
    z.boolean(),
    z.null(),
    z.array(plainSchema),
    z.record(z.string(), plainSchema),
  ]),
)
export type Plain =
  | string
  | number
  | boolean
  | null
  | readonly Plain[]
  | { readonly [name: string]: Plain }

const text = z.string().min(1)

export const receiptSchema = z.strictObject({
  format: z.literal(1),
  cluster: text,
  clusterId: text,
  /** What was done: `kind`, and whatever tells one act of the kind from another. */
  what: z.looseObject({ kind: text }).and(z.record(z.string(), plainSchema)),
  /** Wall-clock ms of who signed. */
  issuedAtMs: z.int().min(0),
  /** Who has done it, and says so. */
  regions: z.array(
    z.strictObject({
      region: text,
      /** Wall-clock ms of that region. */
      confirmedAtMs: z.int().min(0),
      /** Counts and digests, as that region told them. */
      evidence: z.record(z.string(), plainSchema),
    }),
  ),
  /** Who has not confirmed, and why as far as is known. Empty: nothing is open. */
  open: z.array(z.strictObject({ region: text, reason: text })),
  /** In plain sentences. */
  cannotProve: z.array(text),
  keyId: text,
  /** Ed25519, base64. */
  signature: text,
})

export type Receipt = z.infer<typeof receiptSchema>
/** A receipt that nobody has signed yet. */
export type Draft = Omit<Receipt, 'format' | 'keyId' | 'signature'>

/** Who signs: the private key is whatever `sign` takes. */
export interface ReceiptSigner {
  readonly keyId: string
  readonly sign: (bytes: Uint8Array) => string
}

/** A key that receipts are held against. */
export interface KnownKey {
  readonly id: string
  readonly public: string
  readonly sinceMs: number
  /** When another took its place; absent while it signs. */
  readonly untilMs?: number
}

/** The keys of one cluster, for whoever is to verify its receipts. */
export interface ReceiptKeys {
  readonly cluster: string
  readonly clusterId: string
  readonly keys: readonly KnownKey[]
}

export function signReceipt(draft: Draft, { keyId, sign }: ReceiptSigner): Receipt {
  const unsigned = { format: 1 as const, ...draft, keyId }
  return receiptSchema.parse({ ...unsigned, signature: sign(utf8(canonicalText(unsigned))) })
}

export type Verdict =
  | { readonly kind: 'sound'; readonly key: KnownKey }
  | { readonly kind: 'unsound'; readonly reason: string }

export type VerifySignature = (publicKey: string, bytes: Uint8Array, signature: string) => boolean

/** Whether one of the keys has signed the receipt as it stands, in the time of that key. */
export function verifyReceipt(
  receipt: Receipt,
  keys: readonly KnownKey[],
  verify: VerifySignature,
): Verdict {
  const { signature, ...unsigned } = receipt
  const key = keys.find(({ id }) => id === receipt.keyId)
  if (!key) return { kind: 'unsound', reason: `no key ${receipt.keyId} is known` }
  if (!verify(key.public, utf8(canonicalText(unsigned)), signature)) {
    return { kind: 'unsound', reason: 'the signature is not one of what stands in it' }
  }
  const { issuedAtMs } = receipt
  if (key.untilMs !== undefined && issuedAtMs > key.untilMs) {
    return { kind: 'unsound', reason: `key ${key.id} was out of use when it was issued` }
  }
  return { kind: 'sound', key }
}

/** Throws `bad_request` for what is no receipt. */
export function parseReceipt(body: unknown): Receipt {
  const parsed = receiptSchema.safeParse(body)
  if (parsed.success) return parsed.data
  throw new DenizenError('bad_request', 'this is no receipt, or not of a format that is known here')
}

/** The one form of a value as JSON: see above. */
export function canonicalText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalText).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${canonicalText(member)}`)
  return `{${members.join(',')}}`
}
