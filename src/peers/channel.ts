/** What a session carries once it is open: questions, answers, or a stream. */

import type { Message } from '../protocol/frames.ts'
import type { Hello } from '../protocol/hello.ts'
import type { PeerState } from './peers.ts'
import type { SessionEvents } from './session.ts'

export interface Channel {
  /** Throws when the message does not belong here: the session ends with it. */
  receive(message: Message): void
  drained(): void
  closed(reason: string): void
}

export interface ChannelOwner {
  /** The session is open: what does it carry? */
  onOpen(hello: Hello): Channel
  onPeerState(state: PeerState): void
  onRoundTrip(roundTripMs: number): void
  /** After the channel has heard of it, if there was one. */
  onClosed(reason: string): void
}

/** The events of a session, given to the channel that its owner makes when it opens. */
export function channelEvents(owner: ChannelOwner): SessionEvents {
  let channel: Channel | undefined
  return {
    onOpen: hello => {
      channel = owner.onOpen(hello)
    },
    onMessage: message => channel?.receive(message),
    onDrained: () => channel?.drained(),
    onPeerState: state => owner.onPeerState(state),
    onRoundTrip: roundTripMs => owner.onRoundTrip(roundTripMs),
    onClosed: reason => {
      channel?.closed(reason)
      owner.onClosed(reason)
    },
  }
}
