import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, createServer, request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TLSSocket } from 'node:tls'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { timing } from '../../src/model/limits.ts'
import { StartError } from '../../src/node/start-error.ts'
import { httpsOptions, TlsFiles, type TlsFilesOptions } from '../../src/node/tls-files.ts'
import { recordingLogger } from '../api/world.ts'
import { manualClock } from '../support/manual-clock.ts'
import { certificateFile, tlsMaterial } from '../support/tls-material.ts'

const startMs = Date.parse('2026-01-01T00:00:00Z')
const dayMs = 24 * 60 * 60 * 1_000
const speaker = { cluster: 'test', region: 'eu-west' }

let directory: string
test.before.each(() => {
  directory = mkdtempSync(join(tmpdir(), 'denizen-tls-'))
})
test.after.each(() => rmSync(directory, { recursive: true }))

/** Puts certificate and key of the test certificates at the node's paths. */
function place(certificate: string, key = certificate, ca = 'ca'): TlsFilesOptions['paths'] {
  const paths = { cert: 'node.crt', key: 'node.key', ca: 'ca.crt' }
  copyFileSync(certificateFile(`${certificate}.crt`), join(directory, paths.cert))
  copyFileSync(certificateFile(`${key}.key`), join(directory, paths.key))
  copyFileSync(certificateFile(`${ca}.crt`), join(directory, paths.ca))
  const [cert, keyFile, caFile] = Object.values(paths).map(name => join(directory, name))
  return { cert: `${cert}`, key: `${keyFile}`, ca: `${caFile}` }
}

function care(paths: TlsFilesOptions['paths'], atMs = startMs) {
  const manual = manualClock()
  const clock = { ...manual, wallMs: () => atMs + manual.wallMs() }
  const { log, lines } = recordingLogger()
  return { options: { paths, clock, log }, manual, lines }
}

async function refusal(options: TlsFilesOptions): Promise<string> {
  try {
    await TlsFiles.open(options)
  } catch (error) {
    if (error instanceof StartError) return error.message
    throw error
  }
  throw new Error('it opened')
}

async function until(condition: () => boolean): Promise<void> {
  const fromMs = performance.now()
  while (!condition()) {
    if (performance.now() - fromMs > 5_000) throw new Error(`not so: ${condition}`)
    await new Promise(resolve => setTimeout(resolve, 2))
  }
}

test('a node does not start on files that it could not use, and says why', async () => {
  const { options } = care(place('eu-west'))
  const cases: readonly [Partial<TlsFilesOptions>, RegExp][] = [
    [{ paths: { ...place('eu-west'), cert: '/nowhere/node.crt' } }, /node\.crt .*ENOENT/],
    [{ paths: { ...place('eu-west'), key: directory } }, /can not be read \(EISDIR\)/],
  ]
  for (const [changed, message] of cases) {
    assert.match(await refusal({ ...options, ...changed }), message)
  }
  const placed: readonly [readonly [string, string?, string?], RegExp][] = [
    [['eu-west', 'us-east'], /the key is not that of the certificate/],
    [['eu-west-expired'], /the certificate ended on Jan +1 .* 2021/],
    [['eu-west', 'eu-west', 'other-ca'], /the authority is not that of the certificate/],
    [['us-east'], /the certificate does not name denizen:\/\/test\/eu-west/],
    [['quoted'], /the certificate does not name/],
    [['eu-west-server'], /not for servers and clients/],
  ]
  for (const [names, message] of placed) {
    assert.match(await refusal({ ...options, paths: place(...names), speaker }), message)
  }
  const paths = place('eu-west')
  const broken: readonly [string, RegExp][] = [
    [paths.cert, /the certificate file holds no certificate/],
    [paths.key, /the key file holds no private key/],
    [`${paths.ca}`, /the file of authorities holds no certificate/],
  ]
  for (const [path, message] of broken) {
    place('eu-west')
    writeFileSync(path, 'not PEM')
    assert.match(await refusal({ ...options, speaker }), message)
  }
  const early = care(place('eu-west'), Date.parse('2019-12-31T00:00:00Z'))
  assert.match(await refusal(early.options), /the certificate begins on Jan +1 .* 2020/)
})

test('replaced files are used once they fit each other; till then the old ones are', async () => {
  const { options, manual, lines } = care(place('eu-west'))
  const files = await TlsFiles.open({ ...options, speaker })
  let changes = 0
  files.onChange(() => {
    changes += 1
  })
  const look = () => manual.advance(timing.tlsFilesIntervalMs)
  const warned = (reason: string) => lines.filter(line => line.reason === reason).length

  place('eu-west-next', 'eu-west')
  await until(() => {
    look()
    return warned('the key is not that of the certificate') > 0
  })
  let looks = 0
  await until(() => {
    look()
    looks += 1
    return looks === 20
  })
  assert.equal(files.current(), tlsMaterial('eu-west'))
  rmSync(join(directory, 'node.key'))
  const missing = `${join(directory, 'node.key')} can not be read (ENOENT)`
  await until(() => {
    look()
    return warned(missing) > 0
  })
  assert.is(changes, 0)
  place('eu-west-next')
  await until(() => {
    look()
    return changes > 0
  })
  assert.equal(files.current(), tlsMaterial('eu-west-next'))
  assert.is(warned('the key is not that of the certificate'), 1)
  assert.is(warned(missing), 1)
  files.close()
})

test('a certificate that is about to end is warned about, once a day', async () => {
  const nearMs = Date.parse('2125-01-01T00:00:00Z') - 14 * dayMs
  const { options, manual, lines } = care(place('eu-west'), nearMs - 1)
  const files = await TlsFiles.open(options)
  const warnings = () => lines.filter(({ level }) => level === 'warn').length
  assert.is(warnings(), 0)
  await until(() => {
    manual.advance(timing.tlsFilesIntervalMs)
    return warnings() > 0
  })
  for (let look = 0; look < 10; look++) manual.advance(timing.tlsFilesIntervalMs)
  assert.is(warnings(), 1)
  files.close()
})

test('an HTTPS server shows the replaced certificate; open connections stay open', async () => {
  const { options, manual } = care(place('https'))
  const { cert, key } = options.paths
  const files = await TlsFiles.open({ ...options, paths: { cert, key } })
  const server = createServer(httpsOptions(files.current()), (_, reply) => reply.end('served'))
  files.onChange(() => server.setSecureContext(httpsOptions(files.current())))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  const { ca } = tlsMaterial('https')
  const agents = [0, 1].map(() => new Agent({ ca, keepAlive: true, maxSockets: 1 }))
  const get = (agent: Agent | undefined): Promise<{ serial: string; localPort: number }> =>
    new Promise((resolve, reject) => {
      const asked = request({ host: 'localhost', port, agent }, ({ socket }) => {
        assert.instance(socket, TLSSocket)
        const { serialNumber } = (socket as TLSSocket).getPeerX509Certificate() ?? {}
        resolve({ serial: `${serialNumber}`, localPort: socket.localPort ?? 0 })
      })
      asked.on('response', reply => reply.resume())
      asked.on('error', reject).end()
    })
  const first = await get(agents[0])
  place('https-next')
  const before = files.current()
  await until(() => {
    manual.advance(timing.tlsFilesIntervalMs)
    return files.current() !== before
  })
  assert.equal(await get(agents[0]), first)
  assert.is.not((await get(agents[1])).serial, first.serial)
  for (const agent of agents) agent.destroy()
  files.close()
  await new Promise(resolve => server.close(resolve))
})

test.run()
