/** What this node asks of other regions, what it answers them, and what its feeds carry. */
import { DenizenError } from '../model/errors.ts'
import type { RegionId } from '../model/slot.ts'
import type { Clock } from '../runtime/clock.ts'
import { Counter } from './counter.ts'
import type { Family } from './family.ts'
import { Histogram, secondsBounds } from './histogram.ts'

export class PeerMeter {
  readonly #clock: Clock
  readonly #calls = new Histogram({
    name: 'denizen_peer_call_duration_seconds',
    help: 'Time until a call to another region was answered, or was given up.',
    labels: ['peer', 'call', 'outcome'],
    bounds: secondsBounds,
  })
  readonly #answers = new Histogram({
    name: 'denizen_peer_answer_duration_seconds',
    help: 'Time that answering a call of another region took here.',
    labels: ['peer', 'call', 'outcome'],
    bounds: secondsBounds,
  })
  readonly #sentBytes = new Counter(
    'denizen_feed_sent_bytes_total',
    'Bytes of records that were sent to a follower.',
    ['dataset', 'peer'],
  )
  readonly #receivedBytes = new Counter(
    'denizen_feed_received_bytes_total',
    'Bytes of records that came from a source.',
    ['dataset', 'peer'],
  )

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** `call` is one that this node knows: its names are bounded. */
  async asked<T>(peer: RegionId, call: string, answer: Promise<T>): Promise<T> {
    return await this.#timed(this.#calls, peer, call, answer)
  }

  async answered<T>(peer: RegionId, call: string, answer: Promise<T>): Promise<T> {
    return await this.#timed(this.#answers, peer, call, answer)
  }

  async #timed<T>(into: Histogram, peer: RegionId, call: string, answer: Promise<T>): Promise<T> {
    const startMs = this.#clock.monotonicMs()
    const end = (outcome: 'answered' | 'refused' | 'failed'): void =>
      into.observe((this.#clock.monotonicMs() - startMs) / 1_000, peer, call, outcome)
    try {
      const reply = await answer
      end('answered')
      return reply
    } catch (error) {
      end(error instanceof DenizenError ? 'refused' : 'failed')
      throw error
    }
  }

  sent(dataset: string, peer: RegionId, bytes: number): void {
    this.#sentBytes.add(bytes, dataset, peer)
  }

  received(dataset: string, peer: RegionId, bytes: number): void {
    this.#receivedBytes.add(bytes, dataset, peer)
  }

  families(): Family[] {
    return [
      this.#calls.family(),
      this.#answers.family(),
      this.#sentBytes.family(),
      this.#receivedBytes.family(),
    ]
  }
}
