/**
 * The first message of each side of a connection between nodes. The side that dialled speaks first;
 * neither sends anything else before it has read and accepted the other's hello. A refusal goes
 * back in one frame, so that both sides can log the reason.
 */
import { z } from 'zod'
import { DenizenError } from '../model/errors.ts'
import { regionIdSchema } from '../model/region.ts'
import { decodeCbor, encodeCbor } from './cbor.ts'

export const PROTOCOL_NAME = 'denizen-peer'
/** Goes up with every change of what crosses between nodes. */
export const PROTOCOL_VERSION = 2

/** What each of the two connections that a node opens to a peer is for. */
const purposeSchema = z.enum(['calls', 'feeds'])
export type Purpose = z.infer<typeof purposeSchema>

const counter = z.int().nonnegative()

export const peerStateSchema = z.object({ keeperEpoch: counter, revision: counter })

/** The members that every version has and will have: a mismatch must be readable. */
const greetingSchema = z.object({ protocol: z.string().max(64), version: counter })

const helloSchema = z.object({
  protocol: z.literal(PROTOCOL_NAME),
  version: z.literal(PROTOCOL_VERSION),
  purpose: purposeSchema,
  /** Null: the node has not joined a cluster yet. */
  clusterId: z.string().min(1).max(128).nullable(),
  region: regionIdSchema,
  nodeId: z.string().min(1).max(128),
  state: peerStateSchema,
})

export type Hello = z.infer<typeof helloSchema>

const refusalSchema = z.object({ reason: z.string().max(1_000) })

export const encodeHello = (hello: Omit<Hello, 'protocol' | 'version'>): Uint8Array =>
  encodeCbor({ protocol: PROTOCOL_NAME, version: PROTOCOL_VERSION, ...hello })

export type HelloResult =
  | { readonly kind: 'hello'; readonly hello: Hello }
  | { readonly kind: 'refused'; readonly reason: string }

const refused = (reason: string): HelloResult => ({ kind: 'refused', reason })

/** What this side requires of the other's hello. */
export interface HelloExpectation {
  readonly clusterId: string | null
  /** Regions that the other side may be. */
  readonly regions: ReadonlySet<string>
  /** Regions that it has proven to be; undefined: on this network nobody proves anything. */
  readonly provenRegions: ReadonlySet<string> | undefined
  readonly purpose?: Purpose
}

/**
 * Reads the other side's hello and decides whether to talk to it. Reasons go to both sides' logs.
 */
export function judgeHello(payload: Uint8Array, expected: HelloExpectation): HelloResult {
  const decoded = decode(payload)
  const greeting = greetingSchema.safeParse(decoded)
  if (!greeting.success) return refused('the hello is malformed')
  const { protocol, version } = greeting.data
  if (protocol !== PROTOCOL_NAME) return refused(`the protocol is not ${PROTOCOL_NAME}`)
  if (version !== PROTOCOL_VERSION) {
    return refused(`protocol version ${version} meets version ${PROTOCOL_VERSION}`)
  }
  const parsed = helloSchema.safeParse(decoded)
  if (!parsed.success) return refused('the hello is malformed')
  const hello = parsed.data
  if (hello.clusterId !== expected.clusterId && hello.clusterId && expected.clusterId) {
    return refused(`cluster ${hello.clusterId} meets cluster ${expected.clusterId}`)
  }
  if (!expected.regions.has(hello.region)) {
    return refused(`region ${hello.region} is not expected here`)
  }
  if (expected.provenRegions?.has(hello.region) === false) {
    return refused(`the certificate does not name region ${hello.region} of this cluster`)
  }
  if (expected.purpose !== undefined && hello.purpose !== expected.purpose) {
    return refused(`a connection for ${expected.purpose} is answered as one for ${hello.purpose}`)
  }
  return { kind: 'hello', hello }
}

export const encodeRefusal = (reason: string): Uint8Array =>
  encodeCbor({ reason: reason.slice(0, 300) })

export function decodeRefusal(payload: Uint8Array): string {
  const parsed = refusalSchema.safeParse(decode(payload))
  return parsed.success ? parsed.data.reason : 'no reason given'
}

function decode(payload: Uint8Array): unknown {
  try {
    return decodeCbor(payload)
  } catch (error) {
    if (error instanceof DenizenError) return undefined
    throw error
  }
}
