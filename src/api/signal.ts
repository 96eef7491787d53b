/** Wakes everyone who waits for something to change. */
export class Signal {
  #waiting = Promise.withResolvers<void>()

  /** Settles at the next `notify`. */
  get next(): Promise<void> {
    return this.#waiting.promise
  }

  notify(): void {
    this.#waiting.resolve()
    this.#waiting = Promise.withResolvers()
  }
}
