/** What a node is told when it starts. */
import type { RegionId } from '../model/slot.ts'
import type { Logger } from '../runtime/log.ts'
import type { HostPort } from '../runtime/network.ts'
import type { TlsPaths } from './tls-files.ts'

export interface NodeOptions {
  readonly region: RegionId
  readonly configPath: string
  readonly dataDirectory: string
  readonly listen: HostPort
  readonly peerListen: HostPort
  /** `host:port` of each other region. */
  readonly peers: ReadonlyMap<RegionId, string>
  /** Files of the certificate for clients; undefined: HTTP without TLS. */
  readonly tls: TlsPaths | undefined
  /** Files for links to peers; undefined: plain TCP. */
  readonly peerTls: Required<TlsPaths> | undefined
  /** The public base URL of this node, without a trailing slash. */
  readonly advertise: string
  readonly threads: number
  /** The operator's word that all other regions are stopped. */
  readonly othersStopped: boolean
  /** The operator's word that these regions are lost for good: after a restore none is asked. */
  readonly lost: ReadonlySet<RegionId>
  /** The access file; undefined: whoever reaches `listen` may do anything. */
  readonly accessPath: string | undefined
  readonly log: Logger
}
