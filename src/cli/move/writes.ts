/**
 * Changes on their way into the other partition, as many in one transaction as it takes. Each
 * transaction has a name, under which it is applied at most once (an `Idempotency-Key`), and which
 * is in the journal before it is sent: so one that was not answered can be brought to an end.
 */
import { randomUUID } from 'node:crypto'
import { limits } from '../../model/limits.ts'
import { CliError, exitCodes } from '../exit-codes.ts'
import type { Copy, Original } from './differences.ts'
import { recordDigest } from './digests.ts'
import { type GroupDoor, Passing, type Step, type Written } from './group-door.ts'
import type { Journal } from './journal.ts'
import { keyWithRest, type Renaming } from './names.ts'

export interface WritesOptions {
  readonly renaming: Renaming
  readonly target: GroupDoor
  readonly journal: Journal
}

interface Change {
  readonly rest: string
  /** Undefined: it is deleted. */
  readonly original: Original | undefined
  readonly step: Step
}

interface Batch {
  readonly name: string
  readonly changes: readonly Change[]
}

const emptyRecord = { mediaType: 'application/octet-stream', bytes: new Uint8Array() }

export class Writes {
  /** So far. */
  changes = 0
  readonly #options: WritesOptions
  readonly #onWritten: (rest: string, copy: Copy | undefined) => void
  #waiting: Change[] = []
  #bytes = 0
  #unanswered: Batch | undefined

  constructor(options: WritesOptions, onWritten: (rest: string, copy: Copy | undefined) => void) {
    this.#options = options
    this.#onWritten = onWritten
  }

  async add(rest: string, original: Original | undefined, step: Step): Promise<void> {
    const bytes = step.kind === 'put' ? step.bytes.length : 0
    const isFull =
      this.#waiting.length >= limits.transactionOpsMax ||
      this.#bytes + bytes > limits.transactionBytesMax
    if (isFull) await this.flush()
    this.#waiting.push({ rest, original, step })
    this.#bytes += bytes
  }

  async flush(): Promise<void> {
    const changes = this.#takeWaiting()
    if (changes.length === 0) return
    const batch = { name: randomUUID(), changes }
    const digests = changes.flatMap(({ original }) => original?.digest ?? [])
    await this.#options.journal.writes(batch.name, digests)
    await this.#send(batch)
  }

  #takeWaiting(): readonly Change[] {
    const changes = this.#waiting
    this.#waiting = []
    this.#bytes = 0
    return changes
  }

  /** What has not been sent is forgotten; what was not answered is sent again. */
  async settle(): Promise<void> {
    this.#takeWaiting()
    if (this.#unanswered) await this.#send(this.#unanswered)
  }

  /**
   * Has something else applied under that name, if nothing was yet: what was sent under it does
   * nothing any more. `copy`: what is there under `rest`, put there by this move.
   */
  async useUp(name: string, rest: string, copy: Copy | undefined): Promise<void> {
    const { renaming, target, journal } = this.#options
    const key = keyWithRest(renaming.to, rest)
    const empty = { rest, ...emptyRecord }
    // The next pass deletes it, or writes over it.
    if (!copy) await journal.writes(name, [recordDigest(journal.head.salt, empty)])
    const step: Step = copy
      ? { kind: 'delete', key, over: copy.etag }
      : { kind: 'put', key, over: undefined, ...emptyRecord, ttlMs: undefined }
    if ((await target.write(name, [step])).kind === 'overtaken') throw new Passing(overtaken)
    await journal.answered(name)
  }

  async #send(batch: Batch): Promise<void> {
    const { target, journal } = this.#options
    const { name, changes } = batch
    this.#unanswered = batch
    const written = await target.write(
      name,
      changes.map(({ step }) => step),
    )
    this.#unanswered = undefined
    await journal.answered(name)
    const etag = etagOf(written)
    this.changes += changes.length
    for (const { rest, original } of changes)
      this.#onWritten(rest, original && { ...original, etag })
  }
}

/** Throws `Passing` where it was not applied: who it was, the next look will tell. */
function etagOf(written: Written): string {
  if (written.kind === 'written') return written.etag
  throw new Passing(overtaken)
}

const overtaken = new CliError(
  exitCodes.failed,
  'somebody has written what was to be copied to',
  'Nothing was erased. Say the same command again.',
)
