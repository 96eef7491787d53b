/** One end of a connection in the simulated network. */
import { assert } from '../model/assert.ts'
import type { RegionId } from '../model/slot.ts'
import type { Connection } from '../runtime/network.ts'
import type { Fates } from './fates.ts'
import type { SimulatedProcess } from './process.ts'
import type { Route } from './route.ts'
import type { VirtualTime } from './virtual-time.ts'
import { WireLabels } from './wire-label.ts'

export interface SimulatedConnectionOptions {
  readonly time: VirtualTime
  readonly fates: Fates
  readonly process: SimulatedProcess
  readonly region: RegionId
  readonly remote: RegionId
  /** The way to the other end. */
  readonly route: Route
  readonly isUp: (region: RegionId) => boolean
  readonly onSend: (bytes: Uint8Array) => void
  /** Of a message that is about to leave. */
  readonly aim: (label: string, end: SimulatedConnection) => AimedFault | undefined
  readonly onEnd: (end: SimulatedConnection) => void
}

/** What is to become of one message on purpose; nothing of it: what becomes of any. */
export interface AimedFault {
  /** How much longer it takes, and all behind it. */
  readonly lateMs?: number
  /** Once it has left, before anything else happens. */
  readonly onDeparture?: () => void
  /** It has come to the other end's region, which has not seen it yet. */
  readonly beforeArrival?: () => void
  /** The other end has taken it. */
  readonly afterArrival?: () => void
}

interface Segment {
  readonly bytes: Uint8Array
  readonly label: string
  readonly number: number
  readonly fault: AimedFault | undefined
}

/** What an end says beside data: that it has closed, at once or after what it had sent. */
type Word = Segment | 'reset'

/** Bytes that the system takes before it lets the process wait. */
const WINDOW_BYTES = 512 * 1024
const BYTES_PER_MS = 25_000
const DRAIN_MS = 0.05

export class SimulatedConnection implements Connection {
  readonly remote: string
  readonly provenRegions = undefined
  readonly #options: SimulatedConnectionOptions
  #labels = new WireLabels()
  #other: SimulatedConnection | undefined
  #state: 'open' | 'closed' = 'open'
  readonly #underWay: Word[] = []
  /** What has come to a cut, in order. */
  readonly #held: Word[] = []
  /** Came at the other end since it last said something that came here. */
  #unconfirmed: string[] = []
  #busyUntilMs = 0
  #underWayBytes = 0
  #drains = false
  #forgetRoute: () => void
  #onData: (bytes: Uint8Array) => void = () => {}
  #onDrain: () => void = () => {}
  #onClose: (reason: string) => void = () => {}

  constructor(options: SimulatedConnectionOptions) {
    this.#options = options
    this.remote = options.remote
    this.#forgetRoute = options.route.onHeal(() => this.#release())
  }

  /** Both ends, once. */
  join(other: SimulatedConnection): void {
    this.#other = other
    other.#other = this
    other.#labels = this.#labels
  }

  get process(): SimulatedProcess {
    return this.#options.process
  }

  get isOpen(): boolean {
    return this.#state === 'open'
  }

  get region(): RegionId {
    return this.#options.region
  }

  /** The process that the other end belongs to. */
  get otherProcess(): SimulatedProcess {
    assert(this.#other, 'a connection has two ends')
    return this.#other.process
  }

  send(bytes: Uint8Array): void {
    if (this.#state !== 'open') return
    const { time, route, fates, onSend, aim } = this.#options
    onSend(bytes)
    const label = this.#labels.labelOf(bytes)
    fates.sent(label)
    this.#underWayBytes += bytes.length
    const fault = aim(label, this)
    const segment = { bytes, label, number: route.departs(), fault }
    const late = this.#depart(segment, bytes.length, fault?.lateMs)
    if (late) fates.suffered(label, 'delayed')
    if (fault?.onDeparture) time.after(0, fault.onDeparture)
    this.#drainSoon()
  }

  bufferedBytes(): number {
    return this.#state === 'open' ? Math.max(0, this.#underWayBytes - WINDOW_BYTES) : 0
  }
  onDrain(task: () => void): void {
    this.#onDrain = task
  }
  onData(task: (bytes: Uint8Array) => void): void {
    this.#onData = task
  }
  onClose(task: (reason: string) => void): void {
    this.#onClose = task
  }

  close(): void {
    if (this.#state === 'open') this.#end('closed by this end', true)
  }
  abort(): void {
    this.close()
  }

  /** Its process is gone; `resets`: the system says so to the other end. */
  orphan(resets: boolean): void {
    if (this.#state === 'open') this.#end('the process died', resets)
  }

  resetByMiddlebox(): void {
    const other = this.#other
    assert(other, 'a connection has two ends')
    for (const end of [this, other]) {
      end.#lose()
      end.#hearReset()
    }
  }

  /** True if it takes longer than it should. */
  #depart(word: Word, bytes: number, lateMs = 0): boolean {
    const { time, route } = this.#options
    const { takesMs, late } = route.draw()
    const comesMs = time.nowMs + takesMs + lateMs
    const atMs = Math.max(comesMs, this.#busyUntilMs) + bytes / BYTES_PER_MS
    this.#busyUntilMs = atMs
    this.#underWay.push(word)
    time.after(atMs - time.nowMs, () => this.#comes())
    return late || lateMs > 0
  }

  /** The first of what is under way has come to the other end's region, or to a cut. */
  #comes(): void {
    const word = this.#underWay.shift()
    // It was lost meanwhile.
    if (word === undefined) return
    if (this.#options.route.isCut || this.#held.length > 0) this.#held.push(word)
    else this.#arrive(word)
  }

  /** The cut has healed: the system sends again what nobody has confirmed. */
  #release(): void {
    const { fates } = this.#options
    for (const word of this.#held.splice(0)) {
      if (word !== 'reset') fates.suffered(word.label, 'held by a cut')
      this.#arrive(word)
    }
  }

  #arrive(word: Word): void {
    const other = this.#other
    assert(other, 'a connection has two ends')
    const { fates, route, process } = this.#options
    if (word === 'reset') {
      this.#forgetRoute()
      if (other.#options.isUp(other.#options.region)) other.#hearReset()
      return
    }
    const { bytes, label, number, fault } = word
    fault?.beforeArrival?.()
    this.#underWayBytes -= bytes.length
    this.#drainSoon()
    if (!process.alive) fates.suffered(label, 'sender died')
    if (!other.process.alive) fates.suffered(label, 'receiver died')
    if (other.#state !== 'open') {
      fates.suffered(label, 'lost')
      // A living system answers what it knows of no connection for with a reset.
      if (other.#options.isUp(other.#options.region)) this.#hearReset()
      return
    }
    if (route.arrives(number)) fates.suffered(label, 'overtaken')
    this.#unconfirmed.push(label)
    other.#unconfirmed = []
    other.process.enter(() => {
      if (other.#state === 'open') other.#onData(bytes)
    })
    fault?.afterArrival?.()
  }

  #hearReset(): void {
    if (this.#state === 'open') this.#end('ECONNRESET', false)
  }

  #end(reason: string, tells: boolean): void {
    const { fates, process, onEnd } = this.#options
    this.#state = 'closed'
    for (const label of this.#unconfirmed) fates.suffered(label, 'unconfirmed')
    this.#unconfirmed = []
    if (tells) this.#depart('reset', 0)
    else this.#lose()
    onEnd(this)
    process.enter(() => this.#onClose(reason))
  }

  /** What is under way never comes. */
  #lose(): void {
    const { fates } = this.#options
    const words = [...this.#underWay.splice(0), ...this.#held.splice(0)]
    for (const word of words) if (word !== 'reset') fates.suffered(word.label, 'lost')
    this.#forgetRoute()
    this.#forgetRoute = () => {}
  }

  #drainSoon(): void {
    if (this.#drains || this.#state !== 'open') return
    this.#drains = true
    this.#options.time.after(DRAIN_MS, () => {
      this.#drains = false
      if (this.#state !== 'open' || this.bufferedBytes() > 0) return
      this.process.enter(() => this.#onDrain())
    })
  }
}
