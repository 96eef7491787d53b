import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { portsFromBase, requireFreePorts } from '../../src/cli/dev/plan.ts'
import { freePorts, isPortFree, portOwner } from '../../src/cli/dev/ports.ts'
import { CliError, exitCodes } from '../../src/cli/exit-codes.ts'

const region = (port: number, peerPort: number) => ({
  id: 'eu-west',
  name: 'Ireland',
  coordinates: { latitude: 53.3, longitude: -6.3 },
  port,
  peerPort,
})

async function withTakenPort(task: (port: number) => Promise<void>): Promise<void> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    await task((server.address() as AddressInfo).port)
  } finally {
    server.close()
    await once(server, 'close')
  }
}

test('ports follow the order of the regions', () => {
  assert.equal(portsFromBase(7000, 0), { port: 7001, peerPort: 7101 })
  assert.equal(portsFromBase(7000, 3), { port: 7004, peerPort: 7104 })
})

test('a taken port is named with its owner and the way out', () =>
  withTakenPort(async port => {
    const [free = 0] = await freePorts(1)
    assert.is(await isPortFree(port), false)
    const failure = await requireFreePorts([region(free, port)]).catch((error: unknown) => error)
    assert.instance(failure, CliError)
    const owner = process.platform === 'linux' ? `taken by pid ${process.pid}` : 'taken'
    assert.is((failure as CliError).message, `Port ${port} is ${owner}; use --port-base`)
    assert.is((failure as CliError).exitCode, exitCodes.usage)
  }))

test('free ports are free, and different', async () => {
  const ports = await freePorts(8)
  assert.is(new Set(ports).size, 8)
  for (const port of ports) assert.is(await isPortFree(port), true)
  assert.is(portOwner(ports[0] ?? 0), undefined)
  await requireFreePorts([region(ports[0] ?? 0, ports[1] ?? 0)])
})

test.run()
