/** Rounds of load: closed (each client waits for its reply) and open (nobody waits). */
import { type Answer, Lane } from './lane.ts'

export interface Round {
  /** Answered with success, in each second. */
  readonly servedPerSecond: number
  readonly offeredPerSecond: number
  readonly served: readonly number[]
  readonly refused: readonly number[]
  /** Neither: a broken connection, or another error. */
  readonly failed: number
  /** Could not be sent, because as many connections as there may be were waiting for replies. */
  readonly unsent: number
}

/** Connections of an open round; an unbounded node would fill them all. */
const lanesMax = 3_000

export class Generator {
  readonly #port: number
  readonly #nextRequest: () => string
  readonly #idle: Lane[] = []
  #lanes = 0

  /** `nextRequest`: a whole request as it goes over the wire. */
  constructor(port: number, nextRequest: () => string) {
    this.#port = port
    this.#nextRequest = nextRequest
  }

  async closed(clients: number, durationMs: number): Promise<Round> {
    const tally = new Tally()
    const endMs = tally.startMs + durationMs
    const client = async (): Promise<void> => {
      while (performance.now() < endMs) {
        const lane = this.#lane()
        if (!lane) throw new Error('there are connections for all clients')
        await new Promise<void>(resolve => {
          this.#send(lane, tally, performance.now(), resolve)
        })
      }
    }
    // As an open round does: what the generator takes of the machine, the node can't have, and it
    // takes as much in both.
    let isOver = false
    const spin = (): void => {
      if (!isOver) setImmediate(spin)
    }
    spin()
    await Promise.all(Array.from({ length: clients }, client))
    isOver = true
    return tally.round(durationMs)
  }

  /** Sends at a rate, whatever comes back. */
  async open(ratePerSecond: number, durationMs: number): Promise<Round> {
    const tally = new Tally()
    const count = Math.round((ratePerSecond * durationMs) / 1_000)
    let due = 0
    let waiting = 0
    await new Promise<void>(resolve => {
      const turn = (): void => {
        const elapsedMs = performance.now() - tally.startMs
        for (; due < count && (due / ratePerSecond) * 1_000 <= elapsedMs; due++) {
          const lane = this.#lane()
          if (!lane) {
            tally.unsent += 1
            continue
          }
          waiting += 1
          this.#send(lane, tally, tally.startMs + (due / ratePerSecond) * 1_000, () => {
            waiting -= 1
          })
        }
        if (due < count || waiting > 0) setImmediate(turn)
        else resolve()
      }
      turn()
    })
    return tally.round(durationMs)
  }

  close(): void {
    for (const lane of this.#idle) lane.close()
  }

  #lane(): Lane | undefined {
    for (let lane = this.#idle.pop(); lane; lane = this.#idle.pop()) {
      if (lane.isOpen) return lane
      this.#lanes -= 1
    }
    if (this.#lanes >= lanesMax) return undefined
    this.#lanes += 1
    return new Lane(this.#port)
  }

  #send(lane: Lane, tally: Tally, sentMs: number, done: () => void): void {
    lane.send(this.#nextRequest(), sentMs, answer => {
      tally.add(answer)
      this.#idle.push(lane)
      done()
    })
  }
}

class Tally {
  readonly startMs = performance.now()
  readonly served: number[] = []
  readonly refused: number[] = []
  failed = 0
  unsent = 0

  add({ status, tookMs }: Answer): void {
    if (status >= 200 && status < 300) this.served.push(tookMs)
    else if (status === 503) this.refused.push(tookMs)
    else this.failed += 1
  }

  /** Those at work when time was up are served after it: the rate is over all that it took. */
  round(durationMs: number): Round {
    const { served, refused, failed, unsent, startMs } = this
    const tookMs = Math.max(durationMs, performance.now() - startMs)
    const offered = served.length + refused.length + failed + unsent
    return {
      ...{ served, refused, failed, unsent },
      servedPerSecond: (served.length * 1_000) / tookMs,
      offeredPerSecond: (offered * 1_000) / durationMs,
    }
  }
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
