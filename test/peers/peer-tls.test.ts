/** Links over mutual TLS: who may say hello, and as which region. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Network } from '../../src/runtime/network.ts'
import { tcpNetwork } from '../../src/runtime/tcp-network.ts'
import { tlsNetwork } from '../../src/runtime/tls-network.ts'
import { ReplaceableMaterial, tlsMaterial } from '../support/tls-material.ts'
import { type LinksWorld, linksWorld, type Node, until } from './links-world.ts'

const cluster = 'test'
const [eu, us] = ['eu-west', 'us-east']
const bearing = (name: string): Network =>
  tlsNetwork(new ReplaceableMaterial(tlsMaterial(name)), cluster)

/** Both regions, one of them with a certificate of our choice. */
const worldWith = (euCertificate: string): Promise<LinksWorld> =>
  linksWorld([eu, us], { network: region => bearing(region === eu ? euCertificate : region) })

const warnings = ({ log }: Node, reason: string): number =>
  log.filter(({ level, fields }) => level === 'warn' && fields.reason === reason).length

test('regions with their certificates call each other, through a cable with delay', async () => {
  const world = await worldWith(eu)
  await world.node(eu).links.whenReachable(us, { timeoutMs: 5_000 })
  await world.node(us).links.whenReachable(eu, { timeoutMs: 5_000 })
  const body = new Uint8Array(2 * 1024 * 1024).fill(7)
  assert.equal(await world.node(eu).links.call(us, 'echo', body), body)
  assert.is(world.node(us).links.refusals, 0)
  await world.close()
})

test('a region can not speak as another: not when it dials, not when it is dialled', async () => {
  for (const name of ['ap-south', 'eu-west-elsewhere', 'quoted']) {
    const world = await worldWith(name)
    const reason = 'the certificate does not name region eu-west of this cluster'
    await until(() => warnings(world.node(us), `refused: ${reason}`) > 0)
    const status = () => world.node(us).links.statuses()[0]
    await until(() => status()?.lastFailure === `refused: ${reason}`)
    assert.not.ok(world.node(us).links.reachable(eu))
    assert.is(world.node(us).accepted.size, 0)
    await world.close()
  }
})

test('refusals are counted, and one reason is warned about once', async () => {
  const world = await worldWith('eu-west-expired')
  const { links } = world.node(us)
  await until(() => links.refusals >= 6)
  assert.is(warnings(world.node(us), 'TLS: CERT_HAS_EXPIRED'), 1)
  await world.close()
})

test('a forger without a certificate says a perfect hello, and is told nothing', async () => {
  const heard: Uint8Array[] = []
  const world = await linksWorld([eu, us], {
    network: region => (region === eu ? tcpNetwork : bearing(region)),
    capture: (direction, bytes) => {
      if (direction === 'to-client') heard.push(bytes)
    },
  })
  await until(() => warnings(world.node(us), 'TLS: ERR_SSL_WRONG_VERSION_NUMBER') > 0)
  await until(() => warnings(world.node(eu), 'closed by the other end') > 0)
  assert.is(world.node(us).accepted.size, 0)
  assert.not.match(Buffer.concat(heard).toString('latin1'), /us-east|denizen/)
  await world.close()
})

test.run()
