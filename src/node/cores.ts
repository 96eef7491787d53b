/**
 * The cores of a node, from the main thread: starts their threads, connects each with all others,
 * and makes them listen at one address.
 */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import type { Family } from '../metrics/family.ts'
import { assert } from '../model/assert.ts'
import type { RegionId } from '../model/slot.ts'
import type { Logger } from '../runtime/log.ts'
import type { HostPort } from '../runtime/network.ts'
import type { ShardPort } from '../storage/shard-messages.ts'
import { answering } from './asks.ts'
import type {
  CoreBirth,
  FromCore,
  ListenRequest,
  Question,
  ServingState,
  ToCore,
} from './core-messages.ts'
import { messagePortToShard } from './message-ports.ts'

export interface CoresOptions {
  readonly region: RegionId
  readonly count: number
  readonly log: Logger
  readonly answer: (question: Question) => Promise<unknown>
  readonly onViolation: () => void
  readonly onDamaged: (dataset: string, key: string) => void
  /** A thread has failed or ended: the process has to end. */
  readonly onFailure: (reason: string, trace: string) => void
}

export class Cores {
  /** To the shards of all cores, by index. */
  readonly shardPorts: readonly ShardPort[]
  readonly #options: CoresOptions
  readonly #workers: readonly Worker[]
  readonly #waiting = new Map<Worker, (message: FromCore) => void>()
  /** The answer to what each was told last. */
  readonly #telling = new Map<Worker, Promise<unknown>>()
  readonly #measuring = new Map<Worker, (families: readonly Family[]) => void>()
  #closing = false

  constructor(options: CoresOptions) {
    const { count, region } = options
    this.#options = options
    const indexes = Array.from({ length: count }, (_, index) => index)
    const toMain = indexes.map(() => new MessageChannel())
    const between = new Map(
      indexes.flatMap(from => indexes.map(to => [`${from} ${to}`, new MessageChannel()])),
    )
    const channel = (from: number, to: number): MessageChannel => {
      const found = between.get(`${from} ${to}`)
      assert(found, 'every core has a channel to every other')
      return found
    }
    this.shardPorts = toMain.map(({ port1 }) => messagePortToShard(port1))
    this.#workers = indexes.map(index => {
      const others = indexes.filter(other => other !== index)
      return this.#start({
        ...{ region, index },
        shardPort: (toMain[index] as MessageChannel).port2,
        servedPorts: others.map(other => channel(other, index).port2),
        shardPorts: indexes.map(other => (other === index ? null : channel(index, other).port1)),
      })
    })
  }

  #start(birth: CoreBirth): Worker {
    const { shardPort, servedPorts, shardPorts } = birth
    const ports = [shardPort, ...servedPorts, ...shardPorts]
    const worker = new Worker(new URL('./core-thread.ts', import.meta.url), {
      workerData: birth,
      transferList: ports.filter((port): port is MessagePort => port !== null),
    })
    const reply = answering(this.#options.answer, answers =>
      worker.postMessage({ kind: 'answers', answers } satisfies ToCore),
    )
    worker.on('message', (message: FromCore) => this.#receive(worker, message, reply))
    worker.on('error', error => this.#died(error instanceof Error ? error.stack : String(error)))
    worker.on('exit', () => this.#died(undefined))
    return worker
  }

  #died(trace: string | undefined): void {
    if (!this.#closing) this.#options.onFailure('a thread ended', trace ?? 'without an error')
  }

  #receive(worker: Worker, message: FromCore, answer: ReturnType<typeof answering>): void {
    const { log, onViolation, onDamaged, onFailure } = this.#options
    switch (message.kind) {
      case 'asks':
        answer(message.asks)
        return
      case 'measured':
        this.#measuring.get(worker)?.(message.families)
        return
      case 'log':
        log[message.level](message.message, message.fields)
        return
      case 'violation':
        onViolation()
        return
      case 'damaged':
        onDamaged(message.dataset, message.key)
        return
      case 'failed':
        onFailure(message.reason, message.trace)
        return
      default: {
        const heard = this.#waiting.get(worker)
        assert(heard, 'a core answers what it was told')
        this.#waiting.delete(worker)
        heard(message)
      }
    }
  }

  /** Tells one core, once it has answered what it was told before, and waits for its answer. */
  #tell(worker: Worker, message: ToCore): Promise<FromCore> {
    const before = this.#telling.get(worker) ?? Promise.resolve()
    const told = before.then(
      () =>
        new Promise<FromCore>(resolve => {
          this.#waiting.set(worker, resolve)
          worker.postMessage(message)
        }),
    )
    this.#telling.set(worker, told)
    return told
  }

  /** Tells all cores something that they don't answer. */
  tell(message: ToCore): void {
    for (const worker of this.#workers) worker.postMessage(message)
  }

  /** Rejects with what Node's `listen` would: `code` tells. */
  async listen(
    address: HostPort,
    /** Asked for each core: the rules and the certificate may change while they begin. */
    doors: () => Pick<ListenRequest, 'access' | 'tls'>,
  ): Promise<void> {
    const listeners = reusesPorts ? this.#workers : this.#workers.slice(0, 1)
    if (listeners.length < this.#workers.length) {
      this.#options.log.warn('this system can not share a port: one thread takes all connections', {
        platform: process.platform,
      })
    }
    if (listeners.length > 1) await probe(address)
    let { port } = address
    for (const worker of listeners) {
      const reusePort = listeners.length > 1
      const request = { host: address.host, port, reusePort, ...doors() }
      const heard = await this.#tell(worker, { kind: 'listen', ...request })
      if (heard.kind === 'listenFailed') {
        throw Object.assign(new Error('can not listen'), { code: heard.code })
      }
      assert(heard.kind === 'listening', 'a core listens, or says that it can not')
      port = heard.port
    }
  }

  /** What each core has counted. One at a time. */
  measure(): Promise<readonly (readonly Family[])[]> {
    const measured = this.#workers.map(
      worker =>
        new Promise<readonly Family[]>(resolve => {
          this.#measuring.set(worker, resolve)
          worker.postMessage({ kind: 'measure' } satisfies ToCore)
        }),
    )
    return Promise.all(measured)
  }

  async serve(state: ServingState): Promise<void> {
    await Promise.all(this.#workers.map(worker => this.#tell(worker, { kind: 'serve', state })))
    this.tell({ kind: 'nodeServes' })
  }

  /** Resolves once all cores act by the record, and read its stores alone. */
  async adopt(state: ServingState): Promise<void> {
    await Promise.all(this.#workers.map(worker => this.#tell(worker, { kind: 'adopt', state })))
  }

  /** Ends the listeners, and what was under way there. */
  async stop(): Promise<void> {
    await Promise.all(this.#workers.map(worker => this.#tell(worker, { kind: 'stop' })))
  }

  async close(): Promise<void> {
    this.#closing = true
    await Promise.all(this.#workers.map(worker => worker.terminate()))
  }
}

/** Who shares a port would not notice that somebody else has it: one look at it without sharing. */
async function probe(address: { readonly host: string; readonly port: number }): Promise<void> {
  const server = createServer().listen(address)
  await once(server, 'listening')
  server.close()
  await once(server, 'close')
}

/** Where Node can set SO_REUSEPORT, and the kernel then spreads the connections. */
const reusesPorts = ['linux', 'freebsd', 'sunos', 'aix'].includes(process.platform)
