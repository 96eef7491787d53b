/** The limit that Denizen is measured against: `node:http` and nothing behind it. */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePorts } from '../../src/cli/dev/ports.ts'
import type { Peer, PeerOptions } from './peer.ts'
import { ServerProcess } from './server-process.ts'

const script = fileURLToPath(new URL('./bare-server.ts', import.meta.url))

export async function barePeer({ directory, valueBytes, threads }: PeerOptions): Promise<Peer> {
  const [port = 0] = await freePorts(1)
  const path = '/'
  const server = new ServerProcess({
    name: 'bare node:http',
    program: process.execPath,
    args: [script, `${port}`, `${threads}`, `${valueBytes}`],
    logFile: join(directory, 'bare.log'),
    isReady: async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).ok,
  })
  return {
    id: 'bare',
    about: `bare node:http, ${threads} threads: static replies, PUTs are read and forgotten`,
    port,
    dialect: { kind: 'http', path, isStatic: true, hasVersions: false },
    peakTool: { tool: 'wrk', script: 'single', path },
    dataDirectory: undefined,
    get pid() {
      return server.pid
    },
    start: () => server.start(),
    stop: () => server.stop(),
    kill: () => server.kill(),
    fill: async () => {},
    verify: async () => {},
    checkCounters: async () => {},
  }
}
