/** Access in one core: the rules that the main thread sent last, or none at all. */
import { type Access, openAccess, type Usage } from '../access/access.ts'
import { AccessControl, type AccessState } from '../access/access-control.ts'
import { assert } from '../model/assert.ts'
import type { Clock } from '../runtime/clock.ts'
import type { AccessMessage } from './node-access.ts'

export class CoreAccess {
  readonly #clock: Clock
  #control: AccessControl | undefined
  #usage: ReadonlyMap<string, Usage> = new Map()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** `undefined`: a node without an access file. It never gets one while it runs. */
  begin(state: AccessState | undefined): Access {
    if (!state) return openAccess
    assert(!this.#control, 'a core begins once')
    const usage = (dataset: string): Usage | undefined => this.#usage.get(dataset)
    this.#control = new AccessControl({ state, clock: this.#clock, usage })
    return this.#control
  }

  /** What comes before the core listens comes again with the request to listen. */
  receive(message: AccessMessage): void {
    if (message.kind === 'usage') this.#usage = message.usage
    else this.#control?.replace(message.state)
  }
}
