/**
 * The types of messages between nodes, as a wire's labels name them: what a campaign has to hurt in
 * every way. A test holds the calls against those that nodes answer.
 */
import { type FaultKind, faultKinds } from './fates.ts'

/** Calls about a dataset, and those that may go by way of a third region. */
const relayable = ['execute', 'registrar', 'list', 'inspect'] as const
export const dataCalls: readonly string[] = [
  ...relayable,
  ...relayable.map(name => `relay.${name}`),
  ...relayable.map(name => `relayed.${name}`),
  ...['rehome', 'erase', 'hold', 'policy', 'repair'],
  ...['compare.digests', 'compare.page', 'compare.witness'],
]

/** Calls about the cluster record, and operators' wishes of it. */
export const recordCalls: readonly string[] = [
  ...['coordination.read', 'coordination.join', 'coordination.learn'],
  ...['coordination.build', 'coordination.finalize', 'coordination.receiptKey', 'change'],
]

/** What a region that was restored from a backup asks. */
const recoveryCalls = ['recovery.feeds', 'recovery.homes', 'recovery.erasures']

const ofSessions: readonly string[] = ['hello', 'refusal', 'ping', 'pong']
const ofStreams = ['follow', 'following', 'ack', 'poll', 'polled', 'chunk', 'replace'].map(
  type => `stream ${type}`,
)

export const answersOf = (call: string): readonly string[] =>
  ['request', 'reply', 'failure'].map(kind => `${kind} ${call}`)

export const allCalls: readonly string[] = [...dataCalls, ...recordCalls, ...recoveryCalls]

export const messageTypes: readonly string[] = [
  ...ofSessions,
  ...ofStreams,
  ...allCalls.flatMap(answersOf),
]

const noRestore = 'no disk is lost whole, and nothing is restored'
const neverFails = 'it has nothing to refuse: whoever is up answers'
const lastWord = 'who refuses has closed the connection behind it, and says nothing again'

/** Types of messages that no world has, and why. */
export const neverSent: Readonly<Record<string, string>> = {
  'stream replace': noRestore,
  ...Object.fromEntries(recoveryCalls.flatMap(answersOf).map(type => [type, noRestore])),
  'failure coordination.read': neverFails,
  'failure coordination.build': neverFails,
  'failure coordination.learn': neverFails,
}

/** A fault that waits for messages of its type. */
export interface Aim extends Cell {
  /** How many messages it is to befall. */
  readonly times: number
  /** One message in so many, on average. */
  readonly oneIn: number
}

/** What can't befall a type of message, and why. */
export const neverSuffered: Readonly<Record<string, { readonly [K in FaultKind]?: string }>> = {
  refusal: { unconfirmed: lastWord },
}

/** A type of message, and what is to become of it. */
export interface Cell {
  readonly message: string
  readonly fault: FaultKind
}

export const isPossible = ({ message, fault }: Cell): boolean =>
  !(message in neverSent) && neverSuffered[message]?.[fault] === undefined

export const cells: readonly Cell[] = messageTypes
  .flatMap(message => faultKinds.map(fault => ({ message, fault })))
  .filter(isPossible)
