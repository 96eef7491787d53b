/** Questions of a core to the main thread, gathered per turn of the event loop; their answers. */
import { assert } from '../model/assert.ts'
import { errorKinds } from '../model/error-kinds.ts'
import { DenizenError } from '../model/errors.ts'
import { PeerFailure } from '../peers/peers.ts'
import type { Answer, Ask, NoAnswer, Question } from './core-messages.ts'

interface Waiting {
  readonly resolve: (reply: unknown) => void
  readonly reject: (error: Error) => void
}

/** The core's side. */
export class Asks {
  readonly #post: (asks: readonly Ask[]) => void
  readonly #waiting = new Map<number, Waiting>()
  #outbox: Ask[] = []
  #nextId = 1

  constructor(post: (asks: readonly Ask[]) => void) {
    this.#post = post
  }

  /** Rejects with `PeerFailure` or `DenizenError`. */
  ask(question: Question): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const id = this.#nextId++
      this.#waiting.set(id, { resolve, reject })
      if (this.#outbox.length === 0) setImmediate(() => this.#flush())
      this.#outbox.push({ id, question })
    })
  }

  #flush(): void {
    const asks = this.#outbox
    this.#outbox = []
    this.#post(asks)
  }

  settle(answers: readonly Answer[]): void {
    for (const answer of answers) {
      const waiting = this.#waiting.get(answer.id)
      assert(waiting, 'the main thread answers each question once')
      this.#waiting.delete(answer.id)
      switch (answer.kind) {
        case 'done':
          waiting.resolve(answer.reply)
          break
        case 'unanswered':
          waiting.reject(new PeerFailure(answer.sent, answer.reason))
          break
        case 'failed':
          waiting.reject(DenizenError.fromWire(answer.error))
      }
    }
  }
}

/** The main thread's side: answers what one core asks; those of one turn go in one message. */
export function answering(
  run: (question: Question) => Promise<unknown>,
  post: (answers: readonly Answer[]) => void,
): (asks: readonly Ask[]) => void {
  let outbox: Answer[] = []
  const send = (answer: Answer): void => {
    if (outbox.length === 0) {
      setImmediate(() => {
        const answers = outbox
        outbox = []
        post(answers)
      })
    }
    outbox.push(answer)
  }
  return asks => {
    for (const { id, question } of asks) {
      run(question).then(
        reply => send({ id, kind: 'done', reply }),
        (error: unknown) => send({ id, ...failureOf(error) }),
      )
    }
  }
}

function failureOf(error: unknown): NoAnswer {
  if (error instanceof PeerFailure) {
    return { kind: 'unanswered', sent: error.sent, reason: error.reason }
  }
  const known =
    error instanceof DenizenError
      ? error
      : new DenizenError('internal', errorKinds.internal.title, { cause: error })
  return { kind: 'failed', error: known.toWire() }
}
