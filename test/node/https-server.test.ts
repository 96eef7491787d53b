import { Agent, type RequestOptions, request } from 'node:https'
import { connect, TLSSocket } from 'node:tls'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createApi } from '../../src/api/app.ts'
import { type HttpServer, nodeTarget, startHttpServer } from '../../src/node/http-server.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { createService, recordingLogger } from '../api/world.ts'
import { tlsMaterial } from '../support/tls-material.ts'

const { log } = recordingLogger()
const clock = systemClock
const { ca } = tlsMaterial('https')
const agents: Agent[] = []
let server: HttpServer

test.before.each(async () => {
  const service = createService()
  const app = createApi({ service, rawTarget: nodeTarget, log, clock, version: '0.1.0' })
  const address = { host: '127.0.0.1', port: 0, reusePort: false }
  server = await startHttpServer({ app, ...address, tls: tlsMaterial('https'), log, clock })
})
test.after.each(async () => {
  for (const agent of agents.splice(0)) agent.destroy()
  await server.close()
})

interface Reply {
  readonly status: number
  readonly body: string
  readonly serial: string
}

const newAgent = (): Agent => {
  const agent = new Agent({ ca, keepAlive: true, maxSockets: 1 })
  agents.push(agent)
  return agent
}

function send(agent: Agent, options: RequestOptions, body = ''): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: 'localhost', port: server.port, agent, ...options }, reply => {
      assert.instance(reply.socket, TLSSocket)
      const certificate = (reply.socket as TLSSocket).getPeerX509Certificate()
      const parts: Buffer[] = []
      reply.on('data', part => parts.push(part))
      reply.on('end', () => {
        const { statusCode: status = 0 } = reply
        resolve({ status, body: `${Buffer.concat(parts)}`, serial: `${certificate?.serialNumber}` })
      })
    })
    sent.on('error', reject).end(body)
  })
}

test('the key API over HTTPS', async () => {
  const agent = newAgent()
  const path = '/v1/kv/profiles/over%2Ftls'
  const headers = { 'content-type': 'text/plain' }
  assert.is((await send(agent, { method: 'PUT', path, headers }, 'sealed')).status, 201)
  assert.is((await send(agent, { path })).body, 'sealed')
})

test('a replaced certificate is shown to new connections; open ones go on', async () => {
  const [early, late] = [newAgent(), newAgent()]
  const { serial } = await send(early, { path: '/healthz' })
  server.replaceTls(tlsMaterial('https-next'))
  assert.is((await send(early, { path: '/healthz' })).serial, serial)
  assert.is.not((await send(late, { path: '/healthz' })).serial, serial)
})

test('what is older than TLS 1.2 is refused', async () => {
  const socket = connect({
    ...{ host: '127.0.0.1', port: server.port, ca, maxVersion: 'TLSv1.1', minVersion: 'TLSv1' },
    ciphers: 'DEFAULT@SECLEVEL=0',
  })
  const failure = await new Promise<NodeJS.ErrnoException>(resolve => socket.on('error', resolve))
  assert.is(failure.code, 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION')
})

test.run()
