/** Ports of a world: which are free, and who has those that are not. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { createServer } from 'node:net'

export const loopback = '127.0.0.1'

export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false)
      else reject(error)
    })
    server.listen({ host: loopback, port, exclusive: true }, () =>
      server.close(() => resolve(true)),
    )
  })
}

/**
 * Free ports for a world whose addresses nobody has to know beforehand. They lie below the range
 * from which operating systems take the local ports of connections (32768 and up on Linux, 49152
 * elsewhere), so that they stay free until they are used.
 */
export async function freePorts(count: number): Promise<readonly number[]> {
  const found = new Set<number>()
  for (let attempt = 0; found.size < count; attempt++) {
    if (attempt > 100 * count) throw new Error(`there are no ${count} free ports`)
    const port = 10_000 + Math.floor(Math.random() * 20_000)
    if (!found.has(port) && (await isPortFree(port))) found.add(port)
  }
  return [...found]
}

/** The process that listens on a port; `undefined` where the system does not tell us. */
export function portOwner(port: number): number | undefined {
  if (process.platform !== 'linux') return undefined
  try {
    const inodes = listeningInodes(port)
    return inodes.size === 0 ? undefined : processWithSocket(inodes)
  } catch {
    // /proc may be hidden or partly unreadable: then the message goes without the pid.
    return undefined
  }
}

/** Fields of /proc/net/tcp: 1 local address:port in hex, 3 state (0A: listening), 9 inode. */
function listeningInodes(port: number): ReadonlySet<string> {
  const portHex = port.toString(16).toUpperCase().padStart(4, '0')
  const lines = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap(readLines)
  const fields = lines.map(line => line.trim().split(/\s+/))
  const ours = fields.filter(
    ([, local, , state]) => local?.endsWith(`:${portHex}`) && state === '0A',
  )
  return new Set(ours.flatMap(field => field[9] ?? []))
}

function readLines(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n').slice(1)
  } catch {
    return []
  }
}

function processWithSocket(inodes: ReadonlySet<string>): number | undefined {
  for (const pid of readdirSync('/proc').filter(name => /^\d+$/.test(name))) {
    if (openSockets(pid).some(inode => inodes.has(inode))) return Number(pid)
  }
  return undefined
}

/** Empty for processes of other users and those that have just ended. */
function openSockets(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap(fd => {
      const link = readLinkOrEmpty(`/proc/${pid}/fd/${fd}`)
      return /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []
    })
  } catch {
    return []
  }
}

function readLinkOrEmpty(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
