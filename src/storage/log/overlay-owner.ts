/** The overlays as the thread that owns the log fills, freezes and drops them. */
import { assert } from '../../model/assert.ts'
import { PackedRows } from '../packed-rows.ts'
import type { LogPart } from './log-directory.ts'
import type { RowOffset } from './overlay.ts'
import { fillingsOf, Overlays, type Phase, type Place, placeOf, stopped, word } from './overlays.ts'

/** What a checkpoint writes. */
export interface FrozenRows {
  readonly count: number
  readonly rows: Iterable<RowOffset>
  /** Appends a copy of one of them. */
  appendTo(packed: PackedRows, row: RowOffset): void
}

export class OverlayOwner extends Overlays {
  /** The place of the active overlay. */
  get active(): Place {
    return placeOf(fillingsOf(this.phase)[0] as number)
  }

  get hasFrozen(): boolean {
    return this.phase % 2 === 1
  }

  get isActiveEmpty(): boolean {
    return this.overlays[this.active].rows === 0
  }

  /** Of the active overlay: from 0, empty, to 1. */
  get fullness(): number {
    return this.overlays[this.active].fullness
  }

  hasRoomFor(changes: PackedRows): boolean {
    return this.overlays[this.active].hasRoomFor(changes)
  }

  /**
   * For a start: fills the overlays as they were when the log was left, and goes on where it ends.
   * Returns the number of the last commit. No parts: there is no log.
   */
  replay(parts: readonly LogPart[]): number {
    const [earlier, later] = parts
    if (earlier === undefined || later === undefined) return 0
    const rows = new PackedRows()
    for (const { place, entries } of parts) {
      for (const { changes, commitNumber } of entries) {
        rows.refill(changes)
        this.insert(place, rows, commitNumber)
      }
    }
    const last = later.entries.at(-1) ?? earlier.entries.at(-1)
    const commitNumber = last?.commitNumber ?? later.header.afterCommit
    const phase: Phase = 2 * earlier.place + (later.entries.length > 0 ? 1 : 0)
    Atomics.store(this.control, word.visible, commitNumber)
    Atomics.store(this.control, word.phase, phase)
    return commitNumber
  }

  /** Puts a commit into an overlay. Nobody sees it before `publish`. */
  insert(place: Place, changes: PackedRows, commitNumber: number): void {
    this.overlays[place].insert(changes, commitNumber, this.key)
  }

  /** Orders what was inserted, so that ranges and checkpoints never have to order much at once. */
  order(): void {
    this.orderedRows(fillingsOf(this.phase)[0] as number)
  }

  publish(commitNumber: number): void {
    Atomics.store(this.control, word.visible, commitNumber)
  }

  /** The other overlay becomes the active one: it must be empty, and no commit be under way. */
  freeze(): void {
    assert(!this.hasFrozen, 'one overlay is frozen at a time')
    this.#move(this.phase + 1)
    assert(this.isActiveEmpty, 'an overlay is filled from empty')
  }

  /** The frozen rows in the order of their keys, each as its last change left it. */
  frozenRows(): FrozenRows {
    assert(this.hasFrozen, 'an overlay is frozen')
    const filling = fillingsOf(this.phase)[1] as number
    const overlay = this.overlays[placeOf(filling)]
    const { visible } = this
    const rows = this.orderedRows(filling)
    return {
      count: rows.count,
      rows: rows.all(),
      appendTo: (packed, row) => overlay.appendTo(packed, row, visible),
    }
  }

  /** Everything frozen is in LMDB. Resolves when no thread reads the overlay any more. */
  async drop(): Promise<void> {
    assert(this.hasFrozen, 'what is dropped was frozen')
    const place = placeOf(fillingsOf(this.phase)[1] as number)
    this.#move(this.phase + 1)
    const readers = word.readers + place
    for (let count = 1; count > 0; ) {
      count = Atomics.load(this.control, readers)
      if (count > 0) await Atomics.waitAsync(this.control, readers, count).value
    }
    this.overlays[place].clear()
  }

  /** All threads refuse from now on. */
  stop(): void {
    this.#move(stopped)
  }

  /** Who holds the phase before is told. */
  #move(phase: Phase): void {
    Atomics.store(this.control, word.phase, phase)
    Atomics.notify(this.control, word.phase)
  }
}
