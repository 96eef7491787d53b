import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { connect as connectPlain, createServer, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { limits, timing } from '../../src/model/limits.ts'
import type { Connection, Listener } from '../../src/runtime/network.ts'
import { parseAddress } from '../../src/runtime/network.ts'
import { regionsNamedBy } from '../../src/runtime/tls-certificates.ts'
import { tlsNetwork } from '../../src/runtime/tls-network.ts'
import { ReplaceableMaterial, tlsMaterial } from '../support/tls-material.ts'

const cluster = 'test'
const timeoutMs = 5_000
/** Its names are regions, not hosts. */
const checkServerIdentity = (): undefined => undefined
const networkOf = (...names: readonly [string, ...string[]]) =>
  tlsNetwork(new ReplaceableMaterial(tlsMaterial(...names)), cluster)

/** A listener that echoes, and what has come to it. */
class Echo {
  readonly source: ReplaceableMaterial
  readonly connections: Connection[] = []
  readonly refused: { remote: string; reason: string }[] = []
  #listener: Listener | undefined

  constructor(...names: readonly [string, ...string[]]) {
    this.source = new ReplaceableMaterial(tlsMaterial(...names))
  }

  async start(): Promise<this> {
    this.#listener = await tlsNetwork(this.source, cluster).listen('127.0.0.1:0', {
      onConnection: connection => {
        this.connections.push(connection)
        connection.onData(bytes => connection.send(bytes))
      },
      onRefused: (remote, reason) => this.refused.push({ remote, reason }),
    })
    return this
  }

  get address(): string {
    if (!this.#listener) throw new Error('not started')
    return this.#listener.address
  }

  async close(): Promise<void> {
    for (const connection of this.connections) connection.abort()
    await this.#listener?.close()
  }
}

let echo: Echo
test.before.each(async () => {
  echo = await new Echo('eu-west').start()
})
test.after.each(() => echo.close())

const closeOf = (connection: Connection): Promise<string> =>
  new Promise(resolve => connection.onClose(resolve))

async function until(condition: () => boolean): Promise<void> {
  const startMs = performance.now()
  while (!condition()) {
    if (performance.now() - startMs > timeoutMs) throw new Error(`not so: ${condition}`)
    await new Promise(resolve => setTimeout(resolve, 2))
  }
}

async function echoed(connection: Connection, bytes: Uint8Array): Promise<Buffer> {
  const parts: Uint8Array[] = []
  await new Promise<void>(resolve => {
    connection.onData(part => {
      parts.push(part)
      if (Buffer.concat(parts).length === bytes.length) resolve()
    })
    connection.send(bytes)
  })
  return Buffer.concat(parts)
}

test('each end has proven its region to the other, and bytes go through', async () => {
  const connection = await networkOf('us-east').connect(echo.address, { timeoutMs })
  assert.equal(connection.provenRegions, new Set(['eu-west']))
  const bytes = Buffer.alloc(3 * 1024 * 1024, 'denizen')
  assert.is(Buffer.compare(await echoed(connection, bytes), bytes), 0)
  assert.equal(echo.connections[0]?.provenRegions, new Set(['us-east']))
  const closed = closeOf(connection)
  echo.connections[0]?.abort()
  await closed
  assert.equal(echo.refused, [])
})

test('a certificate that proves nothing here is refused by who listens, with the reason', async () => {
  const cases = [
    ['eu-west-expired', 'TLS: CERT_HAS_EXPIRED'],
    ['eu-west-foreign', 'TLS: UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
  ] as const
  for (const [name, reason] of cases) {
    // It may have its side up before the other has looked at its certificate.
    const connection = await networkOf(name).connect(echo.address, { timeoutMs })
    connection.send(Buffer.from('never read'))
    await closeOf(connection)
    await until(() => echo.refused.some(refusal => refusal.reason === reason))
    assert.match(echo.refused.at(-1)?.remote ?? '', /^127\.0\.0\.1:\d+$/)
  }
  assert.is(echo.connections.length, 0)
})

test('a certificate that proves nothing here is refused by who dials, with the reason', async () => {
  const cases = [
    [await new Echo('eu-west-expired').start(), 'us-east', 'CERT_HAS_EXPIRED'],
    [await new Echo('eu-west-foreign').start(), 'us-east', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
  ] as const
  for (const [listening, name, code] of cases) {
    const failure = await networkOf(name)
      .connect(listening.address, { timeoutMs })
      .catch((error: unknown) => error)
    assert.is((failure as { code?: string }).code, code)
    await listening.close()
  }
})

test('who shows no certificate, or speaks TLS 1.2, or no TLS, gets nowhere', async () => {
  const { host, port } = parseAddress(echo.address)
  const strangers: readonly [() => Socket, string][] = [
    [() => connectTls({ host, port, rejectUnauthorized: false }), 'TLS: no certificate'],
    [
      () =>
        connectTls({
          ...{ host, port, ...tlsMaterial('us-east'), maxVersion: 'TLSv1.2' },
          checkServerIdentity,
        }),
      'TLS: ERR_SSL_UNSUPPORTED_PROTOCOL',
    ],
    [() => plain('GET / HTTP/1.1\r\n\r\n'), 'TLS: ERR_SSL_HTTP_REQUEST'],
    [() => plain('\0\0\0\x20 a hello in the clear'), 'TLS: ERR_SSL_WRONG_VERSION_NUMBER'],
  ]
  for (const [dial, reason] of strangers) {
    await endOf(dial())
    await until(() => echo.refused.some(refusal => refusal.reason === reason))
  }
  assert.is(echo.connections.length, 0)
})

/** Whatever it ends with. */
const endOf = (socket: Socket): Promise<void> =>
  new Promise(resolve => {
    socket.on('error', () => {})
    socket.resume()
    socket.once('close', () => resolve())
  })

function plain(text: string): Socket {
  const socket = connectPlain(parseAddress(echo.address))
  socket.write(text)
  return socket
}

test('a handshake that is left half open ends in time, at either end', async () => {
  const startMs = performance.now()
  const ended = endOf(connectPlain(parseAddress(echo.address)))
  const silent = createServer().listen(0, '127.0.0.1')
  await once(silent, 'listening')
  const address = silent.address()
  const port = typeof address === 'object' ? address?.port : undefined
  const failure = await networkOf('us-east')
    .connect(`127.0.0.1:${port}`, { timeoutMs: 100 })
    .catch((error: unknown) => error)
  assert.match((failure as Error).message, 'no connection within 100 ms')
  await ended
  assert.ok(performance.now() - startMs < timing.connectTimeoutMs + 1_000)
  assert.equal(
    echo.refused.map(({ reason }) => reason),
    ['TLS: ERR_TLS_HANDSHAKE_TIMEOUT'],
  )
  silent.close()
})

test('connections that were refused take no room from those that come after', async () => {
  for (let count = 0; count <= limits.peerConnectionsMax; count++) {
    await endOf(plain('not TLS at all, whatever comes'))
  }
  const connection = await networkOf('us-east').connect(echo.address, { timeoutMs })
  connection.abort()
})

test('a replaced certificate is shown from then on, and open connections go on', async () => {
  const dialler = networkOf('us-east')
  const before = await dialler.connect(echo.address, { timeoutMs })
  echo.source.replace(tlsMaterial('eu-west-next'))
  const { host, port } = parseAddress(echo.address)
  const look = connectTls({
    ...{ host, port, ...tlsMaterial('us-east') },
    checkServerIdentity,
  })
  await once(look, 'secureConnect')
  const shown = look.getPeerX509Certificate()?.fingerprint256
  assert.is(shown, new X509Certificate(tlsMaterial('eu-west-next').cert).fingerprint256)
  look.destroy()
  assert.is(`${await echoed(before, Buffer.from('still here'))}`, 'still here')
  before.abort()
})

test('an authority that is added ends nothing; one that is taken out ends everything', async () => {
  const source = new ReplaceableMaterial(tlsMaterial('us-east'))
  const dialler = tlsNetwork(source, cluster)
  const connection = await dialler.connect(echo.address, { timeoutMs })
  for (const replaced of [echo.source, source]) {
    const name = replaced === source ? 'us-east' : 'eu-west'
    replaced.replace(tlsMaterial(name, 'ca', 'other-ca'))
  }
  assert.is(`${await echoed(connection, Buffer.from('still here'))}`, 'still here')
  const closed = closeOf(connection)
  const startMs = performance.now()
  echo.source.replace(tlsMaterial('eu-west', 'other-ca'))
  await closed
  assert.ok(performance.now() - startMs < timing.connectTimeoutMs / 2)
  const refused = await dialler.connect(echo.address, { timeoutMs })
  await closeOf(refused)
  assert.is(echo.connections.length, 1)
})

test('a handshake that began before an authority was taken out does not outlive it for long', async () => {
  const early = connectPlain(parseAddress(echo.address))
  await once(early, 'connect')
  // It is accepted, and so has the certificates of before, when one that came after it is refused.
  await endOf(plain('not TLS at all'))
  echo.source.replace(tlsMaterial('eu-west', 'other-ca'))
  const socket = connectTls({ socket: early, ...tlsMaterial('us-east'), checkServerIdentity })
  const ended = endOf(socket)
  await until(() => echo.connections.length === 1)
  await ended
})

test('at most so many strangers are in their handshakes', async () => {
  const strangers = Array.from({ length: limits.peerConnectionsMax + 1 }, () =>
    connectPlain(parseAddress(echo.address)),
  )
  const ends = strangers.map(endOf)
  await until(() => echo.refused.length > 0)
  assert.is(echo.refused[0]?.reason, 'too many connections')
  for (const stranger of strangers) stranger.destroy()
  await Promise.all(ends)
})

test('nothing is resumed: each connection shows its certificate anew', async () => {
  const { host, port } = parseAddress(echo.address)
  const dial = (session?: Buffer): TLSSocket =>
    connectTls({
      ...{ host, port, ...tlsMaterial('us-east'), ...(session && { session }) },
      checkServerIdentity,
    })
  const first = dial()
  const [session] = await once(first, 'session')
  first.destroy()
  const second = dial(session)
  await once(second, 'secureConnect')
  assert.is(second.isSessionReused(), false)
  second.destroy()
})

test('a certificate names regions of this cluster only, and a name in a name is none', () => {
  const named = (name: string): readonly string[] => [
    ...regionsNamedBy(new X509Certificate(tlsMaterial(name).cert), cluster),
  ]
  assert.equal(named('eu-west'), ['eu-west'])
  assert.equal(named('eu-west-elsewhere'), [])
  assert.equal(named('https'), [])
  assert.equal(named('quoted'), [])
})

test.run()
