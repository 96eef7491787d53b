/** The options of `denizen serve` that have to do with certificates, and what they rule out. */
import type { Command } from 'commander'
import type { TlsPaths } from '../node/tls-files.ts'
import { formatAddress, type HostPort, parseAddress } from '../runtime/network.ts'
import { usageError } from './exit-codes.ts'
import { isLoopback } from './loopback.ts'

export interface TlsOptions {
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly peerCa?: string
  readonly peerCert?: string
  readonly peerKey?: string
  readonly insecurePeers: boolean
}

/** Where the links to other regions end, here and there. */
export interface PeerAddresses {
  readonly peerListen: HostPort
  /** `host:port` of each other region. */
  readonly peer: ReadonlyMap<string, string>
}

export const withTls = (command: Command): Command =>
  command
    .option('--tls-cert <file>', 'certificate (PEM) for clients: the key API is HTTPS')
    .option('--tls-key <file>', 'its key')
    .option('--peer-ca <file>', 'authorities that certificates of peers chain to')
    .option('--peer-cert <file>', 'certificate for peers: URI denizen://<cluster>/<region>')
    .option('--peer-key <file>', 'its key')
    .option('--insecure-peers', 'states that nobody else can reach the peers: no TLS', false)

/** The files for clients; undefined: HTTP. */
export function clientTls({ tlsCert, tlsKey }: TlsOptions): TlsPaths | undefined {
  if (tlsCert === undefined && tlsKey === undefined) return undefined
  if (tlsCert !== undefined && tlsKey !== undefined) return { cert: tlsCert, key: tlsKey }
  throw usageError('--tls-cert and --tls-key go together', 'Give both, or neither.')
}

/**
 * The files for links to peers; undefined: plain TCP, which is for loopback, or for a network that
 * the operator vouches for. Whoever reaches a peer port without TLS may speak as any region.
 */
export function peerTls(
  { peerCa, peerCert, peerKey, insecurePeers }: TlsOptions,
  addresses: PeerAddresses,
): Required<TlsPaths> | undefined {
  const given = [peerCa, peerCert, peerKey].filter(file => file !== undefined)
  if (given.length === 0) {
    if (!insecurePeers) requireLoopbackPeers(addresses)
    return undefined
  }
  if (peerCa === undefined || peerCert === undefined || peerKey === undefined) {
    throw usageError('--peer-ca, --peer-cert and --peer-key go together', 'Give all, or none.')
  }
  if (insecurePeers) {
    throw usageError('--insecure-peers contradicts --peer-cert', 'Leave one of them out.')
  }
  return { ca: peerCa, cert: peerCert, key: peerKey }
}

function requireLoopbackPeers({ peerListen, peer }: PeerAddresses): void {
  const dialled = [...peer].map(([region, address]) => ({
    address: parseAddress(address),
    option: `--peer ${region}=${address}`,
  }))
  const listening = {
    address: peerListen,
    option: `--peer-listen ${formatAddress(peerListen)}`,
  }
  for (const { address, option } of [listening, ...dialled]) {
    if (isLoopback(address)) continue
    throw usageError(
      `${option} is refused: without certificates, whoever reaches a peer port may speak as any region`,
      'Give --peer-ca, --peer-cert and --peer-key; or --insecure-peers, if the network itself keeps all others out.',
    )
  }
}
