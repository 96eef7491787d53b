/** A group at its home, as the mover gets at it: one port for either end of a move. */
import type { CopiedGroup, HeldGroup } from '../../api/administration.ts'
import type { Receipt } from '../../receipts/receipt.ts'
import type { CliError } from '../exit-codes.ts'
import type { ExportedRecord } from '../export/pages.ts'

/** A failure that may pass: nothing is known to be wrong, and what was asked may be asked again. */
export class Passing extends Error {
  override readonly name = 'Passing'
  readonly failure: CliError

  constructor(failure: CliError) {
    super(failure.message)
    this.failure = failure
  }
}

/** A change of one key, over the version `over`; undefined: only if the key has no value. */
export type Step = { readonly key: string } & (
  | {
      readonly kind: 'put'
      readonly over: string | undefined
      readonly mediaType: string
      readonly bytes: Uint8Array
      readonly ttlMs: number | undefined
    }
  | { readonly kind: 'delete'; readonly over: string }
)

/** What became of a write. */
export type Written =
  /** The version in which the keys are written, durable as far as was asked. */
  | { readonly kind: 'written'; readonly etag: string }
  /** Nothing: somebody has changed one of the keys. */
  | { readonly kind: 'overtaken' }
  /** Nothing: other steps were applied under this name before. */
  | { readonly kind: 'used' }

/** All throw `Passing`, or `CliError` for what will not pass. */
export interface GroupDoor {
  /** Its writes wait for so long; 0: not, or not any more. */
  hold(forMs: number): Promise<HeldGroup>
  /** Its live records, in key order, as its home has them; pages need not be of one moment. */
  pages(): AsyncIterable<readonly ExportedRecord[]>
  /**
   * All of it or nothing, and at most once under its name: what is sent again under it is answered
   * as the first was, and what was sent before and comes later does nothing.
   */
  write(name: string, steps: readonly Step[]): Promise<Written>
  /** False where it is in another state by now; `movedTo` undefined makes its name free. */
  erase(state: string, movedTo: string | undefined): Promise<boolean>
  receipt(copied: CopiedGroup): Promise<Receipt>
}
