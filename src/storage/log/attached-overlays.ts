/**
 * The overlays as a thread reads them that does not own the log. What a phase shows is held until
 * the turn of the event loop is over: the owner may drop a frozen overlay meanwhile, but does not
 * use its memory again while anybody holds it. A thread that ends must not do so within a turn.
 */
import { fillingsOf, Overlays, type Phase, placeOf, word } from './overlays.ts'

export class AttachedOverlays extends Overlays {
  /** The phase that was held last in this turn. */
  #held: Phase | undefined
  #heldReaders: number[] = []
  /** Counts the turns in which something was held. */
  #turns = 0

  get turn(): number {
    return this.#turns
  }

  /** The phase of now, held. */
  enter(): Phase {
    const { phase } = this
    return phase === this.#held ? phase : this.#hold()
  }

  #hold(): Phase {
    for (;;) {
      const { phase } = this
      const readers = fillingsOf(phase).map(filling => word.readers + placeOf(filling))
      for (const each of readers) Atomics.add(this.control, each, 1)
      // The owner moves the phase, then looks at the readers: it has seen us, or we see the move.
      if (this.phase === phase) {
        if (this.#held === undefined) queueMicrotask(() => this.release())
        this.#held = phase
        this.#heldReaders.push(...readers)
        return phase
      }
      this.#letGo(readers)
    }
  }

  release(): void {
    const readers = this.#heldReaders
    this.#heldReaders = []
    this.#held = undefined
    this.#turns += 1
    this.#letGo(readers)
  }

  #letGo(readers: readonly number[]): void {
    for (const each of readers) {
      if (Atomics.sub(this.control, each, 1) === 1) Atomics.notify(this.control, each)
    }
  }
}
