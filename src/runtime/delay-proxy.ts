/**
 * A long cable in user space: a TCP proxy that delivers bytes a constant time after they came in,
 * in both directions, as fast as they came. `denizen dev` and the tests put one between any two
 * regions (kernels without netem are common).
 *
 * A connection takes a round trip to open, as it would: the target is dialled one way after the
 * client arrived, and what the client sent early counts as sent when it would have been open.
 */
import { createServer, type Server, Socket } from 'node:net'
import { assert } from '../model/assert.ts'
import type { HostPort } from './network.ts'
import { resetSocket } from './reset-socket.ts'

export type Direction = 'to-target' | 'to-client'

export interface DelayProxyOptions {
  /** Port 0: any free one. */
  readonly listen: HostPort
  readonly target: HostPort
  readonly oneWayDelayMs: number
  /** Sees the bytes that enter the cable, for tests. */
  readonly capture?: (direction: Direction, bytes: Uint8Array) => void
}

export interface DelayProxy {
  readonly port: number
  /** The cable drops: open connections go silent, new ones hang. No end hears of it. */
  cut(): void
  /** New connections work. Those that met the cut are reset: what was on the cable is lost. */
  heal(): void
  close(): Promise<void>
}

/** Bytes held per direction before the sender is made to wait, as a full pipe would. */
const HELD_BYTES_MAX = 64 * 1024 * 1024

export async function startDelayProxy(options: DelayProxyOptions): Promise<DelayProxy> {
  const pairs = new Set<Pair>()
  let isCut = false
  const server = createServer({ allowHalfOpen: true, noDelay: true }, client => {
    const pair = new Pair(client, options, () => pairs.delete(pair))
    pairs.add(pair)
    if (isCut) pair.cut()
  })
  await listening(server, options.listen)
  const bound = server.address()
  assert(bound !== null && typeof bound === 'object', 'a TCP server has an address')
  return {
    port: bound.port,
    cut: () => {
      isCut = true
      for (const pair of pairs) pair.cut()
    },
    heal: () => {
      isCut = false
      for (const pair of [...pairs]) if (pair.isCut) pair.reset()
    },
    close: () => {
      for (const pair of [...pairs]) pair.reset()
      return new Promise(resolve => server.close(() => resolve()))
    },
  }
}

function listening(server: Server, { host, port }: HostPort): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

/** One connection through the cable: its two sockets and what is under way in either direction. */
class Pair {
  readonly #client: Socket
  readonly #target = new Socket({ allowHalfOpen: true })
  readonly #toTarget: DelayLine
  readonly #toClient: DelayLine
  readonly #onGone: () => void
  #dialTimer: NodeJS.Timeout | undefined
  isCut = false

  constructor(client: Socket, options: DelayProxyOptions, onGone: () => void) {
    const { oneWayDelayMs, capture } = options
    this.#client = client
    this.#onGone = onGone
    this.#toTarget = new DelayLine(oneWayDelayMs, client, this.#target)
    this.#toClient = new DelayLine(oneWayDelayMs, this.#target, client)
    this.#carry(client, this.#toTarget, bytes => capture?.('to-target', bytes))
    this.#carry(this.#target, this.#toClient, bytes => capture?.('to-client', bytes))
    const openAtMs = performance.now() + 2 * oneWayDelayMs
    this.#toTarget.sentNoEarlierThan(openAtMs)
    this.#toTarget.hold()
    this.#dialTimer = setTimeout(() => {
      this.#target.once('connect', () => this.#toTarget.release())
      connectTo(this.#target, options.target)
    }, oneWayDelayMs)
  }

  #carry(from: Socket, line: DelayLine, capture: (bytes: Uint8Array) => void): void {
    from.on('data', (bytes: Buffer) => {
      if (this.isCut) return
      capture(bytes)
      line.push(bytes)
    })
    from.on('end', () => {
      if (!this.isCut) line.end()
    })
    from.on('error', () => {
      if (!this.isCut) line.fail(() => this.reset())
    })
    from.on('close', () => {
      if (!this.isCut && this.#client.destroyed && this.#target.destroyed) this.#gone()
    })
  }

  cut(): void {
    this.isCut = true
    clearTimeout(this.#dialTimer)
    this.#toTarget.drop()
    this.#toClient.drop()
    // Not read any more: the ends' own buffers fill up, as they do when acknowledgements stop.
    this.#client.pause()
    this.#target.pause()
  }

  reset(): void {
    this.#gone()
    resetSocket(this.#client)
    resetSocket(this.#target)
  }

  #gone(): void {
    clearTimeout(this.#dialTimer)
    this.#toTarget.drop()
    this.#toClient.drop()
    this.#onGone()
  }
}

function connectTo(socket: Socket, { host, port }: HostPort): void {
  assert(!socket.destroyed, 'the target of a live pair is dialled once')
  socket.setNoDelay(true)
  socket.connect({ host, port })
}

interface Item {
  readonly dueMs: number
  readonly sizeBytes: number
  readonly deliver: () => void
}

/** Delivers what is pushed a constant time later, in order. */
class DelayLine {
  readonly #delayMs: number
  readonly #source: Socket
  readonly #sink: Socket
  #items: Item[] = []
  #heldBytes = 0
  #earliestMs = 0
  #held = false
  #dropped = false
  #timer: NodeJS.Timeout | undefined

  constructor(delayMs: number, source: Socket, sink: Socket) {
    this.#delayMs = delayMs
    this.#source = source
    this.#sink = sink
    sink.on('drain', () => this.#regulate())
  }

  sentNoEarlierThan(atMs: number): void {
    this.#earliestMs = atMs
  }

  /** Nothing is delivered until `release`. */
  hold(): void {
    this.#held = true
  }

  release(): void {
    this.#held = false
    this.#deliverDue()
  }

  push(bytes: Uint8Array): void {
    this.#add(bytes.length, () => this.#sink.write(bytes))
  }

  end(): void {
    this.#add(0, () => this.#sink.end())
  }

  fail(deliver: () => void): void {
    this.#held = false
    this.#add(0, deliver)
  }

  /** For good: nothing that is on the line or comes later is delivered. */
  drop(): void {
    this.#dropped = true
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#items = []
    this.#heldBytes = 0
  }

  #add(sizeBytes: number, deliver: () => void): void {
    if (this.#dropped) return
    const sentMs = Math.max(performance.now(), this.#earliestMs)
    this.#items.push({ dueMs: sentMs + this.#delayMs, sizeBytes, deliver })
    this.#heldBytes += sizeBytes
    this.#regulate()
    this.#arm()
  }

  #arm(): void {
    const first = this.#items[0]
    if (!first || this.#held || this.#timer !== undefined) return
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined
        this.#deliverDue()
      },
      Math.max(0, first.dueMs - performance.now()),
    )
  }

  #deliverDue(): void {
    // Timers are whole milliseconds: half of one early is nearer than half of one late.
    const nowMs = performance.now() + 0.5
    let count = 0
    for (const item of this.#items) {
      if (item.dueMs > nowMs || this.#held) break
      count += 1
      this.#heldBytes -= item.sizeBytes
    }
    for (const item of this.#items.splice(0, count)) item.deliver()
    this.#regulate()
    this.#arm()
  }

  #regulate(): void {
    if (this.#dropped) return
    const full = this.#heldBytes + this.#sink.writableLength > HELD_BYTES_MAX
    if (full && !this.#source.isPaused()) this.#source.pause()
    else if (!full && this.#source.isPaused() && !this.#source.destroyed) this.#source.resume()
  }
}
