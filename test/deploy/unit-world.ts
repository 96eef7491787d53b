/**
 * A world as docs/OPERATIONS.md sets one up: the files of deploy/ in the places of /etc/denizen,
 * certificates by the script of deploy/, a token by the command line, and on each host the command
 * of the systemd unit. Only the folders are others: in a temporary directory.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { Agent, request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { requirePolicy } from '../../src/cli/required-policy.ts'
import type { ClusterView } from '../../src/routing/service.ts'
import { until } from '../cluster/region-client.ts'
import { makeHosts, onHost } from './own-network.ts'
import { checkout, deploy, read } from './places.ts'
import { parseUnit, service, startCommand } from './systemd-unit.ts'
import { type Stop, UnitProcess } from './unit-process.ts'

export interface Reply {
  readonly status: number
  readonly text: string
}

/** Where this process is in the network of the hosts. */
const ownAddress = '10.80.0.1'
const replyMaxMs = 10_000
/** What is waited for comes sooner; this bounds a test that fails. */
export const patienceMs = 20_000
const unit = parseUnit(read('deploy/systemd/denizen@.service'))
export const stopMaxMs = Number(service(unit, 'TimeoutStopSec')[0]) * 1_000

export class UnitWorld {
  readonly regions: readonly string[]
  readonly #directory = mkdtempSync(join(tmpdir(), 'denizen-hosts-'))
  readonly #nodes = new Map<string, UnitProcess>()
  readonly #urls = new Map<string, URL>()
  readonly #agent: Agent
  readonly #token: string

  /** Makes hosts and files; no node is started. */
  constructor() {
    const { cluster, regions } = requirePolicy(join(deploy, 'denizen.yaml'))
    this.regions = regions.map(({ id }) => id)
    const tls = this.#copyExamples()
    const commands = this.regions.map(region => [region, this.#commandOf(region)] as const)
    for (const [region, command] of commands) {
      this.#urls.set(region, new URL(optionOf(command, '--advertise')))
      const log = join(this.#directory, `${region}.log`)
      this.#nodes.set(region, new UnitProcess(onHost(region, command), log))
    }
    makeHosts(ownAddress, new Map([...this.#urls].map(([region, url]) => [region, url.hostname])))
    this.#makeCertificates(cluster, tls)
    this.#agent = new Agent({
      keepAlive: true,
      ca: [...this.#urls.keys()].map(region => readFileSync(join(tls, `${region}-clients.crt`))),
    })
    this.#token = this.#makeToken()
  }

  #path(...names: readonly string[]): string {
    return join(this.#directory, ...names)
  }

  /** Returns the folder for certificates. */
  #copyExamples(): string {
    const tls = this.#path('etc', 'tls')
    mkdirSync(tls, { recursive: true })
    for (const file of ['cluster.env', ...this.regions.map(region => `${region}.env`)]) {
      cpSync(join(deploy, 'systemd', file), this.#path('etc', file))
    }
    cpSync(join(deploy, 'denizen.yaml'), this.#path('etc', 'denizen.yaml'))
    return tls
  }

  #commandOf(region: string): readonly string[] {
    const places = [
      ['/usr/bin/node', process.execPath],
      ['/opt/denizen/', checkout],
      ['/etc/denizen/', this.#path('etc', '/')],
      ['/var/lib/denizen/', this.#path('data', '/')],
    ] as const
    const here = (path: string): string => {
      const place = places.find(([prefix]) => path.startsWith(prefix))
      return place ? path.replace(place[0], place[1]) : path
    }
    const file = (path: string) =>
      path.startsWith('/etc/') ? readFileSync(here(path), 'utf8') : undefined
    return startCommand(unit, region, file).map(here)
  }

  #makeCertificates(cluster: string, tls: string): void {
    const quiet = { cwd: tls, stdio: 'ignore' } as const
    execFileSync(join(deploy, 'peer-certificates.sh'), [cluster, ...this.regions], quiet)
    for (const [region, { hostname }] of this.#urls) {
      const names = ['-subj', `/CN=${region}`, '-addext', `subjectAltName=IP:${hostname}`]
      const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout']
      const made = [`${region}-clients.key`, '-out', `${region}-clients.crt`]
      execFileSync('openssl', ['req', '-x509', ...names, ...key, ...made], quiet)
    }
  }

  #makeToken(): string {
    const scope = ['--name', 'test', '--dataset', '*', '--verbs', 'read,write,list,admin']
    const create = ['token', 'create', '--access', this.#path('etc', 'access.yaml'), ...scope]
    return execFileSync(process.execPath, [join(checkout, 'bin/denizen.js'), ...create], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  }

  #node(region: string): UnitProcess {
    const node = this.#nodes.get(region)
    if (!node) throw new Error(`there is no host ${region}`)
    return node
  }

  start(region: string): Promise<void> {
    return this.#node(region).start()
  }

  stop(region: string): Promise<Stop> {
    return this.#node(region).stop(stopMaxMs)
  }

  /** Waits until every region serves and reaches every other one. Throws when a node has ended. */
  async whole(): Promise<void> {
    await until(
      async () => {
        if (this.#nodes.values().some(({ hasEnded }) => hasEnded)) throw new Error(this.#logs())
        const views = await Promise.all(this.regions.map(region => this.view(region)))
        return views.every(view => view?.regions.every(peer => peer.self || peer.reachable))
      },
      () => `every region serves and reaches every other one\n${this.#logs()}`,
      patienceMs,
    )
  }

  /** The cluster as a region sees it; `undefined` while it does not serve. */
  async view(region: string): Promise<ClusterView | undefined> {
    const reply = await this.ask(region, 'GET', '/v1/cluster')
    return reply?.status === 200 ? JSON.parse(reply.text) : undefined
  }

  async put(region: string, key: string, value: string): Promise<number | undefined> {
    return (await this.ask(region, 'PUT', `/v1/kv/cities/${key}`, value, 'text/plain'))?.status
  }

  /** The values of keys of `cities` in the region's copy; what is not there is left out. */
  async held(region: string, keys: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const ops = keys.map(key => ({ op: 'get', key }))
    const body = JSON.stringify({ ops })
    const reply = await this.ask(region, 'POST', '/v1/batch/cities', body, 'application/json')
    if (reply?.status !== 200) throw new Error(`${region}: ${reply?.status} ${reply?.text}`)
    const { results } = JSON.parse(reply.text) as { results: readonly { bytes?: string }[] }
    return new Map(
      keys.flatMap((key, index) => {
        const bytes = results[index]?.bytes
        return bytes === undefined ? [] : [[key, Buffer.from(bytes, 'base64url').toString()]]
      }),
    )
  }

  /** A whole reply of a region's node; `undefined` where none comes. */
  ask(
    region: string,
    method: string,
    path: string,
    body?: string,
    type?: string,
  ): Promise<Reply | undefined> {
    const headers = {
      authorization: `Bearer ${this.#token}`,
      ...(type !== undefined && { 'content-type': type }),
    }
    const url = new URL(path, this.#urls.get(region))
    const signal = AbortSignal.timeout(replyMaxMs)
    return new Promise(resolve => {
      const sent = request(url, { method, headers, agent: this.#agent, signal }, reply => {
        const parts: Buffer[] = []
        reply.on('data', part => parts.push(part))
        reply.on('error', () => resolve(undefined))
        reply.on('end', () => {
          resolve({ status: reply.statusCode ?? 0, text: Buffer.concat(parts).toString() })
        })
      })
      sent.on('error', () => resolve(undefined))
      sent.end(body)
    })
  }

  #logs(): string {
    return this.regions
      .map(region => readFileSync(this.#path(`${region}.log`), 'utf8').trimEnd())
      .map(log => log.split('\n').slice(-10).join('\n'))
      .join('\n\n')
  }

  async close(): Promise<void> {
    this.#agent.destroy()
    for (const node of this.#nodes.values()) node.kill()
    await rm(this.#directory, { recursive: true, force: true, maxRetries: 3 })
  }
}

const optionOf = (command: readonly string[], option: string): string =>
  command[command.indexOf(option) + 1] ?? ''
