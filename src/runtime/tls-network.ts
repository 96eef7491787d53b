/**
 * The network port over mutual TLS: each end has shown a certificate that chains to an authority of
 * the peers, and may speak only as the regions that it names. Who it says to be is judged when its
 * hello is read.
 *
 * A key that was stolen is of no use any more once its authority is taken out of the material: that
 * ends all connections, and none is resumed from an earlier session, so that each proves itself.
 */
import { constants } from 'node:crypto'
import {
  connect,
  createSecureContext,
  createServer,
  type SecureContextOptions,
  type TLSSocket,
} from 'node:tls'
import { assert } from '../model/assert.ts'
import { limits, timing } from '../model/limits.ts'
import { type Network, parseAddress } from './network.ts'
import { codeOf, remoteOf, SocketConnection } from './socket-connection.ts'
import { opened, startListening } from './tcp-network.ts'
import { certificatesIn, regionsNamedBy } from './tls-certificates.ts'

/** In PEM. */
export interface TlsMaterial {
  /** The certificate, then those between it and its authority. */
  readonly cert: string
  readonly key: string
  /** The authorities that others have to chain to; undefined where others prove nothing. */
  readonly ca: string | undefined
}

/** Material that may be replaced while it is in use. It is sound: its key is the certificate's. */
export interface TlsSource {
  current(): TlsMaterial
  onChange(task: () => void): void
}

/** `cluster` is the name of the cluster whose regions may speak. */
export function tlsNetwork(source: TlsSource, cluster: string): Network {
  const open = new Set<SocketConnection>()
  let material = source.current()
  let secureContext = createSecureContext(contextOf(material))
  const endAll = (): void => {
    for (const connection of [...open]) connection.abort()
  }

  source.onChange(() => {
    const before = authorities(material)
    material = source.current()
    secureContext = createSecureContext(contextOf(material))
    if (before.isSubsetOf(authorities(material))) return
    endAll()
    // Handshakes that had begun were verified by what was trusted then; they are over soon.
    setTimeout(endAll, timing.connectTimeoutMs).unref()
  })

  const connectionOver = (socket: TLSSocket): SocketConnection => {
    assert(socket.authorized, 'a connection is handed over after its certificate was verified')
    const certificate = socket.getPeerX509Certificate()
    assert(certificate, 'who is authorized has a certificate')
    const connection = new SocketConnection(socket, regionsNamedBy(certificate, cluster))
    open.add(connection)
    socket.once('close', () => open.delete(connection))
    return connection
  }

  return {
    async listen(address, { onConnection, onRefused }) {
      const server = createServer(
        {
          ...contextOf(material),
          requestCert: true,
          // Node would refuse them too, without saying from where they came.
          rejectUnauthorized: false,
          handshakeTimeout: timing.connectTimeoutMs,
          noDelay: true,
          keepAlive: true,
        },
        socket => {
          if (socket.authorized) onConnection(connectionOver(socket))
          else refuse(socket, unproven(socket))
        },
      )
      const refuse = (socket: TLSSocket, reason: string): void => {
        onRefused(remoteOf(socket), `TLS: ${reason}`)
        socket.destroy()
      }
      source.onChange(() => server.setSecureContext(contextOf(material)))
      // Whoever is still in the handshake counts: strangers must not cost ever more.
      server.maxConnections = limits.peerConnectionsMax
      server.on('drop', from => onRefused(remoteOf(from ?? {}), 'too many connections'))
      server.on('tlsClientError', (error, socket) => refuse(socket, codeOf(error)))
      return await startListening(server, address)
    },

    async connect(address, { timeoutMs }) {
      const socket = connect({
        ...parseAddress(address),
        secureContext,
        rejectUnauthorized: true,
        // What it proves to be is a region, wherever that is: judged with its hello.
        checkServerIdentity: () => undefined,
      })
      await opened(socket, 'secureConnect', timeoutMs)
      socket.setNoDelay(true)
      return connectionOver(socket)
    },
  }
}

function contextOf({ cert, key, ca }: TlsMaterial): SecureContextOptions {
  assert(ca !== undefined, 'peers are verified by an authority of their own, not by public ones')
  return { cert, key, ca, minVersion: 'TLSv1.3', secureOptions: constants.SSL_OP_NO_TICKET }
}

const unproven = (socket: TLSSocket): string =>
  socket.getPeerX509Certificate() ? `${socket.authorizationError}` : 'no certificate'

const authorities = ({ ca = '' }: TlsMaterial): ReadonlySet<string> =>
  new Set(certificatesIn(ca).map(({ fingerprint256 }) => fingerprint256))
