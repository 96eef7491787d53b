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

/** All throw `Passing`, or `CliError` for what will not pass. */
export interface GroupDoor {
  /** Its writes wait for so long; 0: not, or not any more. */
  hold(forMs: number): Promise<HeldGroup>
  /** Its live records, in key order, as its home has them; pages need not be of one moment. */
  pages(): AsyncIterable<readonly ExportedRecord[]>
  /**
   * All of it, or nothing where somebody has changed one of the keys: undefined. Else the version
   * in which the keys are written now, durable as far as the partition or the mover asks.
   */
  write(steps: readonly Step[]): Promise<string | undefined>
  /** False where it is in another state by now; `movedTo` undefined makes its name free. */
  erase(state: string, movedTo: string | undefined): Promise<boolean>
  receipt(copied: CopiedGroup): Promise<Receipt>
}
