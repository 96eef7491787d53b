/** A load of closed loops against running regions. */
import { systemClock } from '../../runtime/clock.ts'
import { randomId, systemRandom } from '../../runtime/random.ts'
import type { OperationRecord } from '../../simulation/history.ts'
import { type Endpoint, LoadClient } from './load-client.ts'
import { type LoadReport, Tally } from './tally.ts'

export interface LoadOptions {
  readonly endpoints: readonly Endpoint[]
  readonly dataset: string
  /** The run adds a part of its own, so that its keys did not exist before. */
  readonly prefix: string
  readonly clients: number
  readonly seconds: number
  /** Ends the run early: what is under way is waited for. */
  readonly signal: AbortSignal
  readonly onRecord: (record: OperationRecord) => void
}

export async function runLoad(options: LoadOptions): Promise<LoadReport> {
  const { endpoints, dataset, clients, seconds, signal, onRecord } = options
  const startMs = systemClock.monotonicMs()
  const nowMs = (): number => systemClock.monotonicMs() - startMs
  const prefix = `${options.prefix}${randomId(systemRandom).slice(0, 10)}/`
  const tally = new Tally()
  const running = Array.from({ length: clients }, (_, n) =>
    new LoadClient({
      ...{ name: `c${n}`, isSession: n % 2 === 0, endpoints, dataset, prefix, nowMs },
      random: systemRandom,
      onRecord: record => {
        tally.add(record)
        onRecord(record)
      },
    }).run(() => signal.aborted || nowMs() >= seconds * 1_000),
  )
  await Promise.all(running)
  return tally.report(nowMs() / 1_000)
}
