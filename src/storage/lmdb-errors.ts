/** What lmdb-js says when something fails. */

/** It says "Commit failed", and why in a promise of its own that has to be heard. */
export async function causeOfCommit(error: unknown): Promise<unknown> {
  const reason = (error as { commitError?: Promise<unknown> }).commitError
  if (reason === undefined) return error
  // That promise does not settle for every error code.
  const unnamed = new Promise(settle => setImmediate(settle, error))
  return Promise.race([reason.catch((cause: unknown) => cause), unnamed])
}

export const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : `${error}`
