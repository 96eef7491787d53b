/**
 * The process that makes the load of generator.ts, which forks it, sends options, gets a result.
 *
 * With a rate, request number k is due at start + k / rate, whatever becomes of those before it. It
 * is sent on the connection that has been idle for longest, or waits for one, and its latency
 * counts from when it was due. So a server that stands still is charged for all that it keeps
 * waiting, not for one request on each connection ("coordinated omission": Gil Tene, "How NOT to
 * Measure Latency"). Without a rate each connection asks again as soon as it is answered.
 */
import { connect, type Socket } from 'node:net'
import { createHistogram } from 'node:perf_hooks'
import { dialectOf } from './dialect.ts'
import type { GeneratorOptions, GeneratorResult } from './generator.ts'
import type { Dialect } from './reply.ts'

/** Timers of Node have whole milliseconds; a thread can wait for less, and replies wait with it. */
const waitWithReplyMs = 0.1
const waitAtMostMs = 20
const spinMs = 0.02
/** Once the schedule has ended: what is not answered by then never will be. */
const drainMaxMs = 20_000
const receiveBytes = 64 * 1024

interface Connection {
  readonly number: number
  readonly socket: Socket
  pending: Buffer
  key: number
  dueMs: number
}

class Generator {
  readonly #options: GeneratorOptions
  readonly #dialect: Dialect
  readonly #latencyUs = createHistogram()
  readonly #lateUs = createHistogram()
  readonly #idle: Connection[] = []
  readonly #cell = new Int32Array(new SharedArrayBuffer(4))
  readonly #done = Promise.withResolvers<void>()
  #startMs = 0
  #recordFromMs = 0
  #endMs = 0
  #underWay = 0
  #answered = 0
  #cpu = process.cpuUsage()

  constructor(options: GeneratorOptions) {
    this.#options = options
    this.#dialect = dialectOf(options.dialect, options.valueBytes)
  }

  async run(): Promise<GeneratorResult> {
    const { connections, seconds, warmUpSeconds, rate } = this.#options
    const all = await Promise.all(Array.from({ length: connections }, (_, n) => this.#connect(n)))
    this.#startMs = performance.now()
    this.#recordFromMs = this.#startMs + warmUpSeconds * 1_000
    this.#endMs = this.#recordFromMs + seconds * 1_000
    setTimeout(() => {
      this.#cpu = process.cpuUsage()
    }, warmUpSeconds * 1_000)
    if (rate === undefined) for (const connection of all) this.#send(connection, performance.now())
    else this.#keepSchedule(rate)
    await this.#done.promise
    const { user, system } = process.cpuUsage(this.#cpu)
    for (const { socket } of all) socket.destroy()
    return this.#result((performance.now() - this.#recordFromMs) / 1_000, (user + system) / 1e6)
  }

  #result(elapsedSeconds: number, cpu: number): GeneratorResult {
    const latency = this.#latencyUs
    const ms = (percent: number): number => latency.percentile(percent) / 1_000
    return {
      requests: latency.count,
      seconds: this.#options.rate === undefined ? this.#options.seconds : elapsedSeconds,
      ...{ p50Ms: ms(50), p99Ms: ms(99), p999Ms: ms(99.9), maxMs: latency.max / 1_000 },
      waitedP99Ms: this.#lateUs.percentile(99) / 1_000,
      generatorCores: cpu / elapsedSeconds,
    }
  }

  #connect(number: number): Promise<Connection> {
    const { port } = this.#options
    return new Promise((resolve, reject) => {
      const buffer = Buffer.alloc(receiveBytes)
      const onread = {
        buffer,
        callback: (bytes: number): boolean => {
          this.#receive(connection, buffer.subarray(0, bytes))
          return true
        },
      }
      const socket = connect({ host: '127.0.0.1', port, noDelay: true, onread })
      const connection: Connection = { number, socket, pending: empty, key: 0, dueMs: -1 }
      const fail = (error: Error): void => {
        reject(error)
        this.#done.reject(error)
      }
      socket.once('error', fail)
      socket.once('close', () => fail(new Error('the server closed a connection')))
      socket.once('connect', () => {
        const greeting = this.#dialect.greeting(number)
        if (greeting !== '') socket.write(greeting)
        this.#idle.push(connection)
        resolve(connection)
      })
    })
  }

  #send(connection: Connection, dueMs: number): void {
    const { operation, keys } = this.#options
    const key = Math.floor(Math.random() * keys)
    connection.key = key
    connection.dueMs = dueMs
    this.#underWay += 1
    connection.socket.write(this.#dialect.request(operation, key, connection.number))
  }

  #receive(connection: Connection, bytes: Buffer): void {
    let rest = connection.pending.length === 0 ? bytes : Buffer.concat([connection.pending, bytes])
    try {
      while (rest.length > 0) {
        const taken = this.#dialect.read(rest, this.#options.operation, connection.key)
        if (taken === undefined) break
        rest = rest.subarray(taken.bytes)
        if (taken.isReply) this.#answeredOn(connection)
      }
    } catch (error) {
      this.#done.reject(error)
    }
    // The buffer that was received into is used again.
    connection.pending = rest.length === 0 ? empty : Buffer.from(rest)
  }

  #answeredOn(connection: Connection): void {
    const nowMs = performance.now()
    const { dueMs } = connection
    if (dueMs < 0) throw new Error('a reply to nothing')
    connection.dueMs = -1
    this.#underWay -= 1
    const isClosed = this.#options.rate === undefined
    if (dueMs >= this.#recordFromMs && (!isClosed || nowMs <= this.#endMs)) {
      this.#latencyUs.record(microseconds(nowMs - dueMs))
    }
    this.#answered += 1
    if (!isClosed) this.#idle.push(connection)
    else if (nowMs < this.#endMs) this.#send(connection, nowMs)
    else if (this.#underWay === 0) this.#done.resolve()
  }

  #keepSchedule(rate: number): void {
    const { seconds, warmUpSeconds } = this.#options
    const total = Math.max(1, Math.round(rate * (seconds + warmUpSeconds)))
    const dueAtMs = (request: number): number => this.#startMs + (request / rate) * 1_000
    let next = 0
    const turn = (): void => {
      const nowMs = performance.now()
      while (next < total && this.#idle.length > 0 && dueAtMs(next) <= nowMs) {
        const dueMs = dueAtMs(next++)
        if (dueMs >= this.#recordFromMs) this.#lateUs.record(microseconds(nowMs - dueMs))
        this.#send(this.#idle.shift() as Connection, dueMs)
      }
      if (this.#answered === total) {
        this.#done.resolve()
        return
      }
      if (nowMs > this.#endMs + drainMaxMs) {
        this.#done.reject(new Error(`${total - this.#answered} requests were not answered`))
        return
      }
      this.#wait(next < total && this.#idle.length > 0 ? dueAtMs(next) - nowMs : waitWithReplyMs)
      setImmediate(turn)
    }
    turn()
  }

  #wait(untilDueMs: number): void {
    const mostMs = this.#underWay > 0 ? waitWithReplyMs : waitAtMostMs
    const ms = Math.min(untilDueMs, mostMs)
    if (ms > spinMs) Atomics.wait(this.#cell, 0, 0, ms)
  }
}

const empty = Buffer.alloc(0)
const microseconds = (ms: number): number => Math.max(1, Math.round(ms * 1_000))

process.once('disconnect', () => process.exit(0))
process.once('message', message => {
  const options = message as GeneratorOptions
  new Generator(options).run().then(
    result => process.send?.({ result }),
    (error: Error) => process.send?.({ failure: error.message }),
  )
})
