/**
 * The network between nodes, as it is passed in: ordered byte streams that open, fill up, and end.
 * TCP implements it in production, the simulator in one thread. Callbacks are set once, in the turn
 * in which the connection is handed over; no data is delivered before `onData` is set.
 */
import { assert } from '../model/assert.ts'
import type { RegionId } from '../model/slot.ts'

export interface Network {
  /** Resolves once connections are accepted. Rejects when the address can't be taken. */
  listen(address: string, events: ListenEvents): Promise<Listener>
  /** Resolves with an open connection. Rejects when there is none after `timeoutMs`. */
  connect(address: string, options: { readonly timeoutMs: number }): Promise<Connection>
}

export interface ListenEvents {
  onConnection(connection: Connection): void
  /** Somebody is not handed over: one too many, or without proof of who it is. For logs. */
  onRefused(remote: string, reason: string): void
}

export interface Listener {
  /** The address in use: the port is the real one where 0 was asked for. */
  readonly address: string
  /** Stops accepting. Connections that were accepted stay open: they belong to their owner. */
  close(): Promise<void>
}

export interface Connection {
  /** The other end's address, for logs. */
  readonly remote: string
  /** As which regions the other end may speak; undefined where the network proves nothing. */
  readonly provenRegions: ReadonlySet<RegionId> | undefined
  /** Queues bytes, which the caller does not change afterwards. No-op once closed. */
  send(bytes: Uint8Array): void
  /** Bytes queued in this process and not yet taken by the operating system. */
  bufferedBytes(): number
  /** Runs each time the queue has run empty. */
  onDrain(task: () => void): void
  onData(task: (bytes: Uint8Array) => void): void
  /** Runs once, whoever closed. `reason` is for logs. */
  onClose(task: (reason: string) => void): void
  /** Closes after what is queued was sent, or soon anyway when the other end does not read. */
  close(): void
  /** Closes now; what is queued is lost. */
  abort(): void
}

export interface HostPort {
  readonly host: string
  readonly port: number
}

/** Reads `host:port`, with IPv6 hosts in brackets. */
export function parseAddress(address: string): HostPort {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]/]+)):(\d{1,5})$/.exec(address)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  assert(host !== undefined && port <= 65_535, `not an address of the form host:port: ${address}`)
  return { host, port }
}

export const formatAddress = ({ host, port }: HostPort): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
