/**
 * The two overlays of a log and the words that say what to read of them, shared by all threads.
 *
 * Overlays are filled in turn: the n-th filling uses memory n mod 2. The phase says it all:
 *
 *   2n      filling n is active, the other memory is empty or about to be
 *   2n + 1  filling n is frozen: a checkpoint writes it to LMDB; filling n + 1 is active
 *
 * A row is what the active overlay says of it, else what the frozen one says, else what LMDB says.
 * Only the owner moves the phase: to odd when it freezes, to even when all that is frozen is in
 * LMDB. A commit is visible on all threads from the moment at which the owner stores its number.
 */
import { assert } from '../../model/assert.ts'
import type { Random } from '../../runtime/random.ts'
import { EngineFailure, type RowChange, type SharedState } from '../engine.ts'
import { OrderedRows } from './ordered-rows.ts'
import { Overlay } from './overlay.ts'
import { type HashSecret, RowKey } from './row-key.ts'

export type Phase = number
export type Place = 0 | 1

export const word = { phase: 0, visible: 1, readers: 2, secret: 4 }
const controlBytes = 6 * Int32Array.BYTES_PER_ELEMENT
/** The phase of a log whose owner has stopped. */
export const stopped = -1

const names = { control: 'logControl', overlays: ['logOverlay0', 'logOverlay1'] } as const

export function createOverlayMemory(random: Random): SharedState {
  const control = new SharedArrayBuffer(controlBytes)
  new Uint8Array(control).set(random.bytes(8), word.secret * Int32Array.BYTES_PER_ELEMENT)
  return {
    [names.control]: control,
    [names.overlays[0]]: new SharedArrayBuffer(Overlay.memoryBytes),
    [names.overlays[1]]: new SharedArrayBuffer(Overlay.memoryBytes),
  }
}

/** The filling that takes commits in a phase. */
export const activeOf = (phase: Phase): number => (phase + 1) >>> 1

/** The fillings that are read in a phase, the active one first. */
export const fillingsOf = (phase: Phase): readonly number[] => {
  const active = activeOf(phase)
  return phase % 2 === 1 ? [active, active - 1] : [active]
}

/** Which of the two memories, and of the two files of the log, a filling uses. */
export const placeOf = (filling: number): Place => (filling % 2) as Place

export interface OverlayRange {
  readonly from: Uint8Array
  readonly to: Uint8Array
  readonly reverse: boolean
}

export class Overlays {
  protected readonly control: Int32Array
  protected readonly overlays: readonly [Overlay, Overlay]
  readonly #ordered: { filling: number; rows: OrderedRows }[]
  protected readonly key = new RowKey()

  constructor(shared: SharedState) {
    const [control, first, second] = [names.control, ...names.overlays].map(name => {
      const memory = shared[name]
      assert(memory, 'the owner of a log shares its overlays')
      return memory
    }) as [SharedArrayBuffer, SharedArrayBuffer, SharedArrayBuffer]
    this.control = new Int32Array(control)
    const secret: HashSecret = [
      this.control[word.secret] as number,
      this.control[word.secret + 1] as number,
    ]
    this.overlays = [new Overlay(first, secret), new Overlay(second, secret)]
    this.#ordered = this.overlays.map(overlay => ({
      filling: -1,
      rows: new OrderedRows(overlay),
    }))
  }

  get phase(): Phase {
    const phase = Atomics.load(this.control, word.phase)
    if (phase === stopped) throw new EngineFailure('The store has been stopped by its owner.')
    return phase
  }

  get isStopped(): boolean {
    return Atomics.load(this.control, word.phase) === stopped
  }

  /** The last commit that may be seen. */
  get visible(): number {
    return Atomics.load(this.control, word.visible)
  }

  /**
   * What the overlays hold, in the memory that is shared: it stays for as long as the phase is
   * held. null: deleted; undefined: nothing, ask LMDB.
   */
  peek(phase: Phase, key: Uint8Array): Uint8Array | null | undefined {
    const { visible } = this
    this.key.load(key)
    for (const filling of fillingsOf(phase)) {
      const overlay = this.overlays[placeOf(filling)]
      const row = overlay.find(this.key)
      const value = row === undefined ? undefined : overlay.valueOf(row, visible)
      if (value !== undefined) return value
    }
    return undefined
  }

  /** The visible rows of a range by overlay, the active one first: copies. */
  ranges(phase: Phase, visible: number, { from, to, reverse }: OverlayRange) {
    const bounds = { from: new RowKey().load(from), to: new RowKey().load(to) }
    return fillingsOf(phase).map(filling => {
      const rows = this.orderedRows(filling)
      const found = reverse ? rows.betweenReversed(bounds) : rows.between(bounds)
      return this.changes(filling, found, visible)
    })
  }

  protected *changes(
    filling: number,
    rows: Iterable<number>,
    visible: number,
  ): Generator<RowChange> {
    const overlay = this.overlays[placeOf(filling)]
    for (const row of rows) {
      const value = overlay.valueOf(row, visible)
      if (value === undefined) continue
      yield { key: overlay.copyKey(row), value: value === null ? null : value.slice() }
    }
  }

  protected orderedRows(filling: number): OrderedRows {
    const place = placeOf(filling)
    const ordered = this.#ordered[place] as { filling: number; rows: OrderedRows }
    if (ordered.filling !== filling) ordered.rows = new OrderedRows(this.overlays[place])
    ordered.filling = filling
    ordered.rows = ordered.rows.caughtUp()
    return ordered.rows
  }
}
