/** What came of operations that this region has run, in the words of routing. */
import type { KnownHome } from '../execution/home.ts'
import type { Outcome, Receipt } from '../execution/operation.ts'
import type { TransactReply } from '../execution/operations/transact.ts'
import type { WriteReply } from '../execution/operations/write.ts'
import { DenizenError } from '../model/errors.ts'
import { formatVersion, type Version } from '../model/version.ts'
import type { Between } from './between-homes.ts'
import {
  type Answering,
  type AnsweringCopy,
  type CopyAge,
  receiptAt,
  receiptOf,
} from './receipt.ts'
import type { StepResult } from './step.ts'

type Settled<Reply> = Exclude<Reply, Between>

const mismatch = (current: Version | undefined): DenizenError =>
  current
    ? new DenizenError('version_mismatch', 'the key has another version', {
        extra: { current: formatVersion(current) },
      })
    : new DenizenError('version_mismatch', 'the key does not exist')

export class LocalResults {
  readonly #answering: Answering
  /** One for all that is answered at home. */
  readonly #homeReceipt: Receipt

  constructor(answering: Answering) {
    this.#answering = answering
    const { self } = answering
    this.#homeReceipt = { home: self, servedBy: self, role: 'home', stalenessMs: 0 }
  }

  transacted(reply: Settled<TransactReply>): StepResult {
    switch (reply.kind) {
      case 'homeless':
        return { kind: 'unclaimed' }
      case 'elsewhere':
        return reply
      case 'transacted': {
        const { succeeded, results, home, point } = reply
        const receipt = this.receipt(home)
        return {
          kind: 'done',
          ...{ home, point },
          outcome: { kind: 'transacted', succeeded, results, receipt },
        }
      }
    }
  }

  /** Of what a store was asked to write. */
  wrote(reply: Settled<WriteReply>): StepResult {
    switch (reply.kind) {
      case 'homeless':
        return { kind: 'unclaimed' }
      case 'elsewhere':
        return reply
      case 'absent':
      case 'mismatch': {
        const { home, point } = reply
        const receipt = this.receipt(home)
        const outcome: Outcome =
          reply.kind === 'absent'
            ? { kind: 'absent', receipt }
            : { kind: 'failed', error: mismatch(reply.current), receipt }
        return { kind: 'done', home, outcome, ...(point && { point }) }
      }
      case 'written':
      case 'deleted': {
        const { version, created, point, home } = reply
        const receipt = this.receipt(home)
        const outcome: Outcome =
          reply.kind === 'written'
            ? { kind: 'written', version, created, receipt }
            : { kind: 'deleted', version, receipt }
        return { kind: 'done', home, point, outcome }
      }
    }
  }

  /** Of a copy that is read in this very turn. */
  receipt(home: KnownHome | undefined, copy?: AnsweringCopy): Receipt {
    if (home?.region === this.#answering.self) return this.#homeReceipt
    return receiptOf(this.#answering, home, copy)
  }

  /** Of a copy that is read later than its age was taken. */
  receiptAt(home: KnownHome | undefined, age: CopyAge, lacksPast: true | undefined): Receipt {
    const { self } = this.#answering
    if (home?.region === self) return this.#homeReceipt
    return receiptAt(self, home, age.stalenessMs, lacksPast)
  }
}
