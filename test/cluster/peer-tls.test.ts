/**
 * Two regions whose links are mutual TLS, and peers that are forged: those that test/cluster's
 * attacks on residency start from, but that have not got hold of the region's key.
 */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { freePorts, loopback } from '../../src/cli/dev/ports.ts'
import { RegionProcess } from '../../src/cli/dev/region-process.ts'
import { PeerLinks } from '../../src/peers/links.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { silentLogger } from '../../src/runtime/log.ts'
import type { Network } from '../../src/runtime/network.ts'
import { systemRandom } from '../../src/runtime/random.ts'
import { tcpNetwork } from '../../src/runtime/tcp-network.ts'
import { tlsNetwork } from '../../src/runtime/tls-network.ts'
import { certificateFile, ReplaceableMaterial, tlsMaterial } from '../support/tls-material.ts'
import { smallPolicy } from '../worlds/world.ts'
import { ask, jsonOf, kv, sendText, until } from './region-client.ts'

const [eu, us] = ['eu-west', 'us-east']
const regions = [eu, us]
const directory = mkdtempSync(join(tmpdir(), 'denizen-peer-tls-'))
const processes = new Map<string, RegionProcess>()
let ports: readonly number[] = []

const portOf = (region: string, offset: 0 | 1): number =>
  ports[2 * regions.indexOf(region) + offset] ?? 0
const doors = { url: (region: string) => `http://${loopback}:${portOf(region, 0)}` }
const peerAddress = (region: string): string => `${loopback}:${portOf(region, 1)}`
const logFile = (region: string): string => join(directory, `${region}.log`)

test.before(async () => {
  ports = await freePorts(4)
  const config = join(directory, 'denizen.yaml')
  writeFileSync(config, smallPolicy(regions))
  for (const region of regions) {
    const others = regions.filter(other => other !== region)
    const child = new RegionProcess({
      args: [
        ...['--region', region, '--config', config, '--data', join(directory, region)],
        ...['--listen', `${loopback}:${portOf(region, 0)}`, '--threads', '1'],
        ...['--peer-listen', peerAddress(region)],
        ...others.flatMap(other => ['--peer', `${other}=${peerAddress(other)}`]),
        ...['--peer-ca', certificateFile('ca.crt')],
        ...['--peer-cert', certificateFile(`${region}.crt`)],
        ...['--peer-key', certificateFile(`${region}.key`)],
      ],
      workingDirectory: directory,
      logFile: logFile(region),
      onDeath: () => process.stderr.write(readFileSync(logFile(region), 'utf8')),
    })
    processes.set(region, child)
    await child.start()
  }
  for (const region of regions) {
    const isReady = async (): Promise<boolean> => {
      const reply = await ask(doors, region, '/readyz').catch(() => undefined)
      return reply?.status === 200
    }
    await until(isReady, `${region} is ready`)
  }
})

test.after(async () => {
  for (const child of processes.values()) await child.kill()
  await rm(directory, { recursive: true, force: true, maxRetries: 3 })
})

test('regions that have proven who they are replicate to each other', async () => {
  const target = kv('cities', 'lisbon')
  const written = await ask(doors, eu, target, sendText('PUT', 'a city'))
  assert.is(written.status, 201)
  await until(async () => {
    const reply = await ask(doors, us, `${target}`, {
      headers: { 'denizen-consistency': 'eventual' },
    })
    return reply.status === 200 && `${reply.body}` === 'a city'
  }, 'the write has arrived')
})

/** Speaks as us-east, with all that us-east knows but, it may be, its certificate. */
async function forge(network: Network, clusterId: string): Promise<PeerLinks> {
  const links = new PeerLinks({
    self: () => ({ clusterId, region: us, nodeId: 'forged', keeperEpoch: 1, revision: 1 }),
    ...{ network, clock: systemClock, random: systemRandom, log: silentLogger },
    listen: `${loopback}:0`,
    peers: new Map([[eu, peerAddress(eu)]]),
    handlers: {
      onCall: () => Promise.reject(new Error('nobody asks a forger')),
      onStream: () => {},
      onStreamOpen: () => {},
      onPeerState: () => {},
      onReachability: () => {},
    },
  })
  await links.start()
  return links
}

test('a forged peer without the certificate of its region does not get past hello', async () => {
  const view = jsonOf(await ask(doors, eu, '/v1/cluster')) as { clusterId: string }
  await processes.get(us)?.stop()
  const bearing = (name: string): Network =>
    tlsNetwork(new ReplaceableMaterial(tlsMaterial(name)), 'test')
  const forgers: readonly [Network, string][] = [
    [tcpNetwork, 'TLS: ERR_SSL_WRONG_VERSION_NUMBER'],
    [bearing('eu-west-foreign'), 'TLS: UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    [bearing('ap-south'), 'the certificate does not name region us-east of this cluster'],
  ]
  for (const [network, reason] of forgers) {
    const links = await forge(network, view.clusterId)
    await until(() => readFileSync(logFile(eu), 'utf8').includes(reason), reason)
    assert.not.ok(links.reachable(eu))
    await links.close()
  }
  const bearer = await forge(bearing(us), view.clusterId)
  await bearer.whenReachable(eu, { timeoutMs: 10_000 })
  await bearer.close()
})

test.run()
