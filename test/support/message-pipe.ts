/** A pair of message streams over lanes: CBOR crosses, lanes of one pipe keep their order alone. */
import { limits } from '../../src/model/limits.ts'
import type { RegionId } from '../../src/model/slot.ts'
import type { MessageStream, SendOptions } from '../../src/peers/peers.ts'
import { decodeCbor, encodeCbor } from '../../src/protocol/cbor.ts'
import type { Lanes } from './lanes.ts'

export interface MessagePipe {
  readonly name: string
  /** The end that the source holds: its peer is the follower. */
  readonly atSource: MessageStream
  readonly atFollower: MessageStream
  readonly closed: boolean
  /** The largest number of bytes that was on its way in one direction. */
  readonly bytesMax: number
  close(): void
}

class End implements MessageStream {
  readonly region: RegionId
  readonly pipe: Pipe
  readonly name: string
  other: End | undefined
  messages: (message: unknown) => void = () => {}
  closes: (reason: string) => void = () => {}
  drains: () => void = () => {}
  bytes = 0

  constructor(pipe: Pipe, region: RegionId, name: string) {
    this.pipe = pipe
    this.region = region
    this.name = name
  }

  send(message: unknown, options: SendOptions = {}): void {
    if (this.pipe.closed) return
    const payload = encodeCbor(message)
    this.bytes += payload.length
    this.pipe.bytesMax = Math.max(this.pipe.bytesMax, this.bytes)
    if (this.bytes > limits.linkQueueBytesMax) {
      this.pipe.close()
      return
    }
    this.pipe.lanes.add(`${this.name} ${options.lane ?? ''}`, () => {
      if (this.pipe.closed) return
      this.bytes -= payload.length
      this.other?.messages(decodeCbor(payload))
      if (this.bytes === 0) this.drains()
    })
  }
  bufferedBytes(): number {
    return this.bytes
  }
  onDrained(task: () => void): void {
    this.drains = task
  }
  onMessage(task: (message: unknown) => void): void {
    this.messages = task
  }
  onClose(task: (reason: string) => void): void {
    this.closes = task
  }
  close(): void {
    this.pipe.close()
  }
}

class Pipe implements MessagePipe {
  readonly lanes: Lanes
  readonly atSource: End
  readonly atFollower: End
  readonly name: string
  closed = false
  bytesMax = 0

  constructor(lanes: Lanes, name: string, source: RegionId, follower: RegionId) {
    this.lanes = lanes
    this.name = name
    this.atSource = new End(this, follower, `${name} down`)
    this.atFollower = new End(this, source, `${name} up`)
    this.atSource.other = this.atFollower
    this.atFollower.other = this.atSource
  }

  close(): void {
    if (this.closed) return
    this.closed = true
    this.lanes.drop(`${this.name} `)
    this.atSource.closes('closed')
    this.atFollower.closes('closed')
  }
}

/** `name` is the pipe's alone: lanes are named after it. */
export const messagePipe = (
  lanes: Lanes,
  name: string,
  ends: { readonly source: RegionId; readonly follower: RegionId },
): MessagePipe => new Pipe(lanes, name, ends.source, ends.follower)
