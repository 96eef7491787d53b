/** The network of the links to peers: mutual TLS where there are files for it, else plain TCP. */
import type { Clock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/log.ts'
import type { Network } from '../runtime/network.ts'
import { tcpNetwork } from '../runtime/tcp-network.ts'
import { tlsNetwork } from '../runtime/tls-network.ts'
import { TlsFiles, type TlsPaths } from './tls-files.ts'
import type { Speaker } from './tls-material.ts'

export interface PeerNetwork {
  readonly network: Network
  /** Ends the care for the files; connections are their owners'. */
  close(): void
}

export interface PeerNetworkOptions {
  /** Undefined: the operator has seen to it that nobody else can reach the peers. */
  readonly paths: Required<TlsPaths> | undefined
  readonly speaker: Speaker
  readonly clock: Clock
  readonly log: Logger
}

/** Throws `StartError` for files that can't be used. */
export async function openPeerNetwork(options: PeerNetworkOptions): Promise<PeerNetwork> {
  const { paths, speaker, clock, log } = options
  if (!paths) return { network: tcpNetwork, close: () => {} }
  const files = await TlsFiles.open({ paths, speaker, clock, log })
  return { network: tlsNetwork(files, speaker.cluster), close: () => files.close() }
}
