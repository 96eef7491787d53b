/**
 * Hosts on one machine: network namespaces, each with an interface of its own, on a bridge. All of
 * it lives in namespaces of this process (network, mounts, processes), so that it is gone with it,
 * however it ends, and touches nothing of the machine's.
 */
import { execFileSync, spawnSync } from 'node:child_process'

const mark = 'DENIZEN_OWN_NETWORK'
const ownNamespaces = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc']
const unshareArguments = [
  ...(process.getuid?.() === 0 ? [] : ['--map-root-user']),
  ...ownNamespaces,
]

/** Where `ip netns` keeps names: hidden behind one of our own, the machine's stays untouched. */
const ownRun = ['mount', '-t', 'tmpfs', 'tmpfs', '/run'] as const
const probe = `${ownRun.join(' ')} && ip netns add probe && ip link add probe type bridge`

export const isInOwnNetwork = process.env[mark] !== undefined

/** Why this machine permits no networks of our own; `undefined`: it does. */
export function ownNetworkRefusal(): string | undefined {
  const { error, status, stderr } = spawnSync('unshare', [...unshareArguments, 'sh', '-c', probe], {
    encoding: 'utf8',
  })
  if (error) return error.message
  return status === 0 ? undefined : stderr.trim().split('\n').at(-1)
}

/** Runs a script of this Node in a network of its own. Returns its exit code. */
export function runInOwnNetwork(script: string): number {
  const { status } = spawnSync('unshare', [...unshareArguments, process.execPath, script], {
    stdio: 'inherit',
    env: { ...process.env, [mark]: '1' },
  })
  return status ?? 1
}

const prefixBits = 16
const bridge = 'bridge'

const ip = (...args: readonly string[]): void => {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'inherit'] })
}

/** Makes a host for each name, all of them and this process in one /16, where `own` is ours. */
export function makeHosts(own: string, addresses: ReadonlyMap<string, string>): void {
  execFileSync(...spread(ownRun))
  ip('link', 'set', 'lo', 'up')
  ip('link', 'add', bridge, 'type', 'bridge')
  ip('address', 'add', `${own}/${prefixBits}`, 'dev', bridge)
  ip('link', 'set', bridge, 'up')
  for (const [host, address] of addresses) {
    ip('netns', 'add', host)
    ip('link', 'add', host, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', host)
    ip('link', 'set', host, 'master', bridge, 'up')
    ip('-n', host, 'address', 'add', `${address}/${prefixBits}`, 'dev', 'eth0')
    ip('-n', host, 'link', 'set', 'eth0', 'up')
    ip('-n', host, 'link', 'set', 'lo', 'up')
  }
}

const spread = ([command, ...args]: readonly [string, ...string[]]) => [command, args] as const

/** What executes a command on a host; the process is the command's own. */
export const onHost = (host: string, command: readonly string[]): readonly string[] => [
  ...['ip', 'netns', 'exec', host],
  ...command,
]

/** Takes the host's cable out: what is sent either way is lost, and nobody is told. */
export const unplug = (host: string): void => ip('link', 'set', host, 'down')
export const plugIn = (host: string): void => ip('link', 'set', host, 'up')
