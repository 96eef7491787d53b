/**
 * The overlays as a thread reads them that does not own the log. It holds the phase that it reads
 * until it is told that the owner has moved on, which takes a turn of its event loop: the owner may
 * drop a frozen overlay meanwhile, but does not use its memory again while anybody holds it. So a
 * read costs no counting, and what it has found stays for the turn. A thread closes its readers
 * before it ends.
 */
import { assert } from '../../model/assert.ts'
import { activeOf, fillingsOf, Overlays, type Phase, placeOf, word } from './overlays.ts'

/** LMDB shows more than the overlays of the state that is being read: it has to be read anew. */
class StateLost extends Error {
  override readonly name = 'StateLost'
}

export class AttachedOverlays extends Overlays {
  /** The phase that was held last. */
  #held: Phase | undefined
  /** Reads see the state of one phase and commit. */
  #isPinned = false
  #pinnedPhase: Phase = 0
  #pinnedCommit = 0
  readonly #holds = new Set<readonly number[]>()
  /** Counts how often something held was let go. */
  #turns = 0

  get turn(): number {
    return this.#turns
  }

  /**
   * Pins the state of now while `read` runs, and runs it again where that state was lost meanwhile:
   * where a checkpoint began that may bring to LMDB what is younger.
   */
  atOnce<T>(read: () => T): T {
    assert(!this.#isPinned, 'reads of one state are not nested')
    for (;;) {
      this.#pinnedPhase = this.#enterNow()
      this.#pinnedCommit = super.visible
      this.#isPinned = true
      try {
        return read()
      } catch (error) {
        if (!(error instanceof StateLost)) throw error
      } finally {
        this.#isPinned = false
      }
    }
  }

  /** The phase to read, held. */
  enter(): Phase {
    return this.#isPinned ? this.#pinnedPhase : this.#enterNow()
  }

  override get visible(): number {
    return this.#isPinned ? this.#pinnedCommit : super.visible
  }

  /**
   * Whether LMDB, as it was read by now, has no more than the overlays of that phase let see. Its
   * frozen rows may be there or not: the overlays say the same of them. Throws where a state is
   * pinned that LMDB has left behind.
   */
  covers(phase: Phase): boolean {
    const isCovered = this.phase <= 2 * activeOf(phase)
    if (!isCovered && this.#isPinned) throw new StateLost()
    return isCovered
  }

  #enterNow(): Phase {
    const { phase } = this
    return phase === this.#held ? phase : this.#hold()
  }

  #hold(): Phase {
    for (;;) {
      const { phase } = this
      const readers = fillingsOf(phase).map(filling => word.readers + placeOf(filling))
      for (const each of readers) Atomics.add(this.control, each, 1)
      // The owner moves the phase, then looks at the readers: it has seen us, or we see the move.
      const wait = Atomics.waitAsync(this.control, word.phase, phase)
      if (wait.async) {
        this.#held = phase
        this.#holds.add(readers)
        void wait.value.then(() => this.#letGo(readers))
        return phase
      }
      this.#uncount(readers)
    }
  }

  /** Lets go of everything, for now. */
  release(): void {
    this.#held = undefined
    for (const readers of this.#holds) this.#letGo(readers)
  }

  #letGo(readers: readonly number[]): void {
    if (!this.#holds.delete(readers)) return
    this.#turns += 1
    this.#uncount(readers)
  }

  #uncount(readers: readonly number[]): void {
    for (const each of readers) {
      if (Atomics.sub(this.control, each, 1) === 1) Atomics.notify(this.control, each)
    }
  }
}
