import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { clientTls, type PeerAddresses, peerTls } from '../../src/cli/tls-options.ts'

const at = (peerHost: string, ...dialled: readonly string[]): PeerAddresses => ({
  peerListen: { host: peerHost, port: 7101 },
  peer: new Map(dialled.map((host, index) => [`region-${index}`, `${host}:7101`])),
})
const files = { peerCa: 'ca.crt', peerCert: 'node.crt', peerKey: 'node.key' }
const plain = { insecurePeers: false }

test('without certificates, links to peers stay on loopback, unless the operator says so', () => {
  for (const host of ['127.0.0.1', '127.9.9.9', 'localhost', '::1']) {
    assert.is(peerTls(plain, at(host, '127.0.0.1', '[::1]')), undefined)
  }
  for (const host of ['0.0.0.0', '10.0.0.1', '::', 'node.example', '127.0.0.1.example']) {
    assert.throws(() => peerTls(plain, at(host)), /--peer-listen .* is refused/)
    assert.is(peerTls({ insecurePeers: true }, at(host)), undefined)
  }
  const elsewhere = at('127.0.0.1', '127.0.0.1', 'node.example')
  assert.throws(() => peerTls(plain, elsewhere), /--peer region-1=node\.example:7101 is refused/)
})

test('with certificates, peers may be anywhere', () => {
  const paths = peerTls({ ...plain, ...files }, at('0.0.0.0', 'node.example'))
  assert.equal(paths, { ca: 'ca.crt', cert: 'node.crt', key: 'node.key' })
})

test('files that go together are given together', () => {
  const { peerKey: _, ...withoutKey } = files
  assert.throws(() => peerTls({ ...plain, ...withoutKey }, at('127.0.0.1')), /go together/)
  assert.throws(() => peerTls({ insecurePeers: true, ...files }, at('::')), /contradicts/)
  assert.throws(() => clientTls({ ...plain, tlsCert: 'node.crt' }), /go together/)
  assert.is(clientTls(plain), undefined)
  const both = { ...plain, tlsCert: 'node.crt', tlsKey: 'node.key' }
  assert.equal(clientTls(both), { cert: 'node.crt', key: 'node.key' })
})

test.run()
