/**
 * Sends a large body piece by piece, as fast as the client reads. It counts as load until it is
 * sent: slow readers may hold up so many bytes of a thread's memory together, and no more.
 */
import type { ServerResponse } from 'node:http'
import { limits, timing } from '../model/limits.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Load } from './load.ts'

/** What is sent in one piece. */
const pieceBytes = limits.shortReplyBytes

/** Ends the connection of a client that takes nothing for too long. */
export async function sendLarge(
  outgoing: ServerResponse,
  body: Uint8Array,
  { load, clock }: { readonly load: Load; readonly clock: Clock },
): Promise<void> {
  load.beginReply(body.length)
  try {
    for (let at = 0; at < body.length; at += pieceBytes) {
      const isTaken = outgoing.write(body.subarray(at, at + pieceBytes))
      if (isTaken || (await isDrained(outgoing, clock))) continue
      outgoing.destroy()
      return
    }
    outgoing.end()
  } finally {
    load.endReply(body.length)
  }
}

/** False where the connection ends before, or time is up. */
function isDrained(outgoing: ServerResponse, clock: Clock): Promise<boolean> {
  if (outgoing.destroyed) return Promise.resolve(false)
  return new Promise(resolve => {
    const settle = (drained: boolean) => (): void => {
      cancel()
      outgoing.off('drain', drain).off('close', close)
      resolve(drained)
    }
    const [drain, close] = [settle(true), settle(false)]
    const cancel = clock.after(timing.replyUnreadMaxMs, close)
    outgoing.once('drain', drain).once('close', close)
  })
}
