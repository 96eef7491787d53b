/**
 * Calls that another region did not execute. A peer whose link is up may still be starting, or have
 * too much to do: it says so before it does anything, which comes to the same as not being reached.
 */
import { DenizenError } from '../model/errors.ts'
import { PeerFailure } from '../peers/peers.ts'

/** The region itself has said that it did nothing: it would say the same by another way. */
export class Declined extends PeerFailure {
  constructor(reason: string) {
    super(false, reason)
  }
}

/** The failure to reach a peer that an error of a call stands for; undefined: it is an answer. */
export function unanswered(error: unknown): PeerFailure | undefined {
  if (error instanceof PeerFailure) return error
  if (!(error instanceof DenizenError)) return undefined
  if (error.code === 'not_ready') return new Declined('it does not serve yet')
  if (error.code === 'overloaded') return new Declined('it has too much to do')
  return undefined
}
