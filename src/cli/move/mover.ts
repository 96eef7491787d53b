/**
 * Moves a group to another partition: copies it, reads the copy back, and has its home erase it
 * if, in that very turn, it is still in the state that was copied. Whatever a client was told is
 * written is so in the copy, or the group is not erased, and what has changed is copied, too.
 *
 * The mover carries the values itself, as a client of both partitions: often no node may see both.
 * It decides by what it finds, so that it can be ended and begun again at any point; the journal
 * only says which copies are its own. docs/PROTOCOL.md has what would go wrong otherwise.
 */
import type { HeldGroup } from '../../api/administration.ts'
import { timing } from '../../model/limits.ts'
import type { Receipt } from '../../receipts/receipt.ts'
import { CliError, exitCodes } from '../exit-codes.ts'
import { Copying, type Ends } from './copying.ts'
import { Passing } from './group-door.ts'

export interface MoverOptions extends Ends {
  /** How long writes are held, the first time. */
  readonly holdMs: number
  readonly pause: (ms: number) => Promise<void>
  readonly onProgress: (text: string) => void
}

/** Fewer changes than that in a pass: what comes next will be over in a moment. */
const quietChanges = 64
/** Passes while writes go on, and attempts to end the group while they are held. */
const freePassesMax = 8
const heldPassesMax = 5
/** Failures in a row that may pass. */
const failuresMax = 12
const pauseMinMs = 50
const pauseMaxMs = 2_000

export class Mover {
  readonly #options: MoverOptions
  readonly #copying: Copying
  #failures = 0

  constructor(options: MoverOptions) {
    this.#options = options
    this.#copying = new Copying(options)
  }

  /** Throws `CliError`: the group is whole where it was, unless that says otherwise. */
  async run(): Promise<Receipt> {
    const { source, journal, renaming, onProgress } = this.#options
    const state = await this.#patiently(() => source.hold(0))
    if (!this.#isOver(state)) {
      await this.#patiently(() => this.#freeName())
      await this.#copyAll()
      await this.#end()
    }
    const { copied } = journal
    if (!copied) throw movedBefore(renaming.from.group, renaming.to.placement.prefix)
    onProgress('asking for the receipt')
    return await this.#patiently(() => source.receipt(copied))
  }

  /** The name there may be one that was moved away before. */
  async #freeName(): Promise<void> {
    const { target } = this.#options
    const { movedTo, state, records } = await target.hold(0)
    if (movedTo !== undefined && records === 0) await target.erase(state, undefined)
  }

  /** Most of it, while writes go on. */
  async #copyAll(): Promise<void> {
    const { onProgress } = this.#options
    for (let n = 1; n <= freePassesMax; n++) {
      onProgress(n === 1 ? 'copying' : 'copying what has changed')
      const pass = await this.#patiently(async () => {
        await this.#copying.settle()
        await this.#copying.look()
        return await this.#copying.pass(() => this.#isThere(0))
      })
      if (!pass || pass.changes <= quietChanges) return
    }
  }

  /** What is left, while writes wait; then the end of the group here. */
  async #end(): Promise<void> {
    const { onProgress } = this.#options
    let { holdMs } = this.#options
    for (let n = 1; n <= heldPassesMax; n++) {
      onProgress('verifying the copy, while writes of the group wait')
      if (await this.#patiently(() => this.#endOnce(holdMs))) return
      onProgress('something has changed: once more')
      holdMs = Math.min(2 * holdMs, timing.holdMaxMs)
    }
    throw new CliError(
      exitCodes.failed,
      `the group was written each time before its copy was verified, ${heldPassesMax} times`,
      'Nothing was erased, and no write is lost. Say the same command again with a longer --hold, or stop what writes the group.',
    )
  }

  /** True once the group has gone from here. */
  async #endOnce(holdMs: number): Promise<boolean> {
    const { source, target, journal, renaming } = this.#options
    const to = renaming.to.placement.prefix
    let isOver = false
    try {
      // Before anything is read: what is read later is of this state, if the erasure finds it.
      const held = await source.hold(holdMs)
      isOver = this.#isOver(held)
      if (isOver) return true
      await this.#copying.settle()
      const pass = await this.#copying.pass(() => this.#isThere(holdMs))
      isOver = pass === undefined
      if (!pass) return true
      await this.#copying.verify(pass)
      const { group } = await target.hold(0)
      await journal.ends({ to, group, ...pass.copied })
      isOver = await source.erase(held.state, to)
      return isOver
    } finally {
      // A hold that can't be ended ends by itself.
      if (!isOver) await source.hold(0).catch(ignorePassing)
    }
  }

  /** False where an earlier attempt has ended it here after all. `forMs`: as for `hold`. */
  async #isThere(forMs: number): Promise<boolean> {
    return !this.#isOver(await this.#options.source.hold(forMs))
  }

  /** Tries again what may pass, more and more slowly. */
  async #patiently<T>(task: () => Promise<T>): Promise<T> {
    const { pause, onProgress } = this.#options
    for (;;) {
      try {
        const result = await task()
        this.#failures = 0
        return result
      } catch (error) {
        if (!(error instanceof Passing)) throw error
        this.#failures += 1
        if (this.#failures >= failuresMax) throw gaveUp(error.failure)
        onProgress(`${error.message}; trying again`)
        await pause(Math.min(pauseMaxMs, pauseMinMs * 2 ** this.#failures))
        await this.#copying.look().catch(ignorePassing)
      }
    }
  }

  /** This move has ended the group. Throws `CliError` where somebody else has. */
  #isOver({ movedTo, erasedTerm }: HeldGroup): boolean {
    const { journal, renaming } = this.#options
    if (movedTo === renaming.to.placement.prefix) return true
    if ((erasedTerm ?? null) === journal.head.erasedTerm) return false
    const { from, to } = renaming
    throw new CliError(
      exitCodes.failed,
      `${from.group} was erased meanwhile, and not by this move`,
      `${to.group} may have a copy of before: erase it too, if that was meant. Then remove the file of --state.`,
    )
  }
}

const ignorePassing = (error: unknown): void => {
  if (!(error instanceof Passing)) throw error
}

export const movedBefore = (group: string, to: string): CliError =>
  new CliError(
    exitCodes.failed,
    `${group} was moved to ${to} before, and its receipt was written then`,
    'There is nothing to do. denizen erase of the group makes its name free again.',
  )

const gaveUp = ({ exitCode, message, action }: CliError): CliError =>
  new CliError(
    exitCode,
    message,
    `No write is lost, and the same command goes on from here.${action === undefined ? '' : ` ${action}`}`,
  )
