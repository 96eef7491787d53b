/** What an operator asks of a region, as somebody who does not wait for ever. */
import { DenizenError } from '../model/errors.ts'
import type { RegionId } from '../model/slot.ts'
import type { World } from './world.ts'

/** `error` undefined: nobody answers, and it may be done some time, or have been. */
export type Answer<T> = { readonly value: T } | { readonly error: DenizenError | undefined }

/** A region that died, or can't be reached, answers no operator. */
const ANSWER_MAX_MS = 8_000

export function asked<T>(world: World, entry: RegionId, run: () => Promise<T>): Promise<Answer<T>> {
  return new Promise(resolve => {
    const forget = world.onDeath(entry, () => resolve({ error: undefined }))
    world.time.after(ANSWER_MAX_MS, () => resolve({ error: undefined }))
    run().then(
      value => resolve({ value }),
      (error: unknown) => {
        forget()
        const known = error instanceof DenizenError ? error : undefined
        if (!known) world.complain(entry, (error as Error).stack ?? '')
        resolve({ error: known })
      },
    )
  })
}
