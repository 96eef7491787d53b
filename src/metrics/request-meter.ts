/** What one thread's HTTP API was asked, and how it answered. */
import { Counter } from './counter.ts'
import { type Family, gauge } from './family.ts'
import { countBounds, Histogram, secondsBounds } from './histogram.ts'

export interface EndedRequest {
  /** The route's id. */
  readonly operation: string
  /** Empty where the request names none, or none that the policy has. */
  readonly dataset: string
  /** Who ran it, `proxy` being any other region; empty where it did not get that far. */
  readonly served: 'home' | 'replica' | 'proxy' | ''
  /** Of the reply. */
  readonly status: number
  /** The code of the error that it was answered with. */
  readonly error: string | undefined
  /** Until the reply's headers: a stream goes on. */
  readonly durationMs: number
}

export class RequestMeter {
  #inFlight = 0
  readonly #requests = new Counter('denizen_requests_total', 'Requests that were answered.', [
    ...['dataset', 'operation', 'code'],
  ])
  readonly #refusals = new Counter(
    'denizen_request_errors_total',
    'Requests that were answered with an error, by its code.',
    ['dataset', 'error'],
  )
  readonly #durations = new Histogram({
    name: 'denizen_request_duration_seconds',
    help: 'Time from the headers of a request to those of its reply.',
    labels: ['dataset', 'operation', 'served'],
    bounds: secondsBounds,
  })
  readonly #batches = new Histogram({
    name: 'denizen_batch_operations',
    help: 'Operations that were run together for one batch, or one piece of a streamed batch.',
    labels: ['dataset'],
    bounds: countBounds,
  })

  began(): void {
    this.#inFlight += 1
  }

  ended({ operation, dataset, served, status, error, durationMs }: EndedRequest): void {
    this.#inFlight -= 1
    this.#requests.add(1, dataset, operation, String(status))
    if (error !== undefined) this.#refusals.add(1, dataset, error)
    this.#durations.observe(durationMs / 1_000, dataset, operation, served)
  }

  /**
   * What counts requests that are alike, but for their durations, and are answered as soon as they
   * have begun.
   */
  alike({
    operation,
    dataset,
    served,
    status,
  }: Omit<EndedRequest, 'error' | 'durationMs'>): (durationMs: number) => void {
    const requests = this.#requests.series(dataset, operation, String(status))
    const observe = this.#durations.observer(dataset, operation, served)
    return durationMs => {
      requests.count += 1
      observe(durationMs / 1_000)
    }
  }

  batch(dataset: string, operations: number): void {
    this.#batches.observe(operations, dataset)
  }

  families(): Family[] {
    return [
      this.#requests.family(),
      this.#refusals.family(),
      this.#durations.family(),
      this.#batches.family(),
      gauge('denizen_requests_in_flight', 'Requests whose replies have not begun.', this.#inFlight),
    ]
  }
}
