/** Both ends of a move in memory, behind the port of real ones: whatever may happen to them can. */
import type { CopiedGroup, HeldGroup } from '../../src/api/administration.ts'
import { CliError, exitCodes } from '../../src/cli/exit-codes.ts'
import type { ExportedRecord } from '../../src/cli/export/pages.ts'
import { type GroupDoor, Passing, type Step, type Written } from '../../src/cli/move/group-door.ts'
import type { Receipt } from '../../src/receipts/receipt.ts'

export interface Value {
  readonly text: string
  readonly mediaType?: string
  readonly expiresAtMs?: number
}
interface Held extends Value {
  readonly version: number
}

const pageRecords = 2
export const passing = (): Passing => new Passing(new CliError(exitCodes.unreachable, 'away'))

export class MemoryGroup implements GroupDoor {
  readonly name: string
  /** What a home adds lives to. */
  nowMs = 1_000_000
  isHeld = false
  movedTo: string | undefined
  erasedTerm: number | undefined
  /** The next erasure arrives when `landErasure` says so; who asked hears nothing. */
  isLate = false
  #late: { readonly state: string; readonly movedTo: string | undefined } | undefined
  /** The next write arrives when `landWrites` says so; who asked hears nothing. */
  isWriteLate = false
  readonly #lateWrites: { readonly name: string; readonly steps: readonly Step[] }[] = []
  /** By the names of writes. */
  readonly #written = new Map<string, { readonly text: string; readonly etag: string }>()
  readonly records = new Map<string, Held>()
  /** Before and after each call has its effect. */
  readonly #onCall: (what: string) => void
  #version = 0
  #tag = 0

  constructor(name: string, onCall: (what: string) => void = () => {}) {
    this.name = name
    this.#onCall = onCall
  }

  /** By a client; false where the group takes no writes, now or for good. `undefined` deletes. */
  change(key: string, value: Value | undefined): boolean {
    if (this.isHeld || this.movedTo !== undefined) return false
    this.#put(key, value)
    return true
  }

  #put(key: string, value: Value | undefined): void {
    this.#tag += 1
    if (value) this.records.set(key, { ...value, version: ++this.#version })
    else this.records.delete(key)
  }

  /** Under what keys are called beside the name of the group. */
  contents(): Record<string, string> {
    const sorted = [...this.records].sort(([a], [b]) => (a < b ? -1 : 1))
    return Object.fromEntries(sorted.map(([key, { text }]) => [key.slice(this.name.length), text]))
  }

  async #called<T>(what: string, effect: () => T): Promise<T> {
    this.#onCall(`before ${what}`)
    const reply = effect()
    this.#onCall(`after ${what}`)
    return reply
  }

  hold(forMs: number): Promise<HeldGroup> {
    return this.#called('hold', () => {
      this.isHeld = forMs > 0
      const state = `${this.#tag}`
      const { erasedTerm, movedTo } = this
      return {
        ...{ group: `hash of ${this.name}`, records: this.records.size, bytes: 0, state },
        ...(erasedTerm !== undefined && { erasedTerm }),
        ...(movedTo !== undefined && { movedTo }),
      }
    })
  }

  async *pages(): AsyncIterable<readonly ExportedRecord[]> {
    let after = ''
    for (;;) {
      const page = await this.#called('page', () => {
        const keys = [...this.records.keys()].filter(key => key > after).sort()
        return keys.slice(0, pageRecords).map(key => this.#exported(key))
      })
      yield page
      if (page.length < pageRecords) return
      after = page.at(-1)?.key ?? ''
    }
  }

  #exported(key: string): ExportedRecord {
    const { text, mediaType = 'text/plain', version, expiresAtMs } = this.records.get(key) as Held
    const bytes = new TextEncoder().encode(text)
    return { key, mediaType, bytes, version: `1.${version}`, expiresAtMs }
  }

  write(name: string, steps: readonly Step[]): Promise<Written> {
    return this.#called('write', () => {
      if (!this.isWriteLate) return this.#write(name, steps)
      this.isWriteLate = false
      this.#lateWrites.push({ name, steps })
      throw passing()
    })
  }

  landWrites(): void {
    for (const { name, steps } of this.#lateWrites.splice(0)) this.#write(name, steps)
  }

  #write(name: string, steps: readonly Step[]): Written {
    const text = JSON.stringify(steps)
    const earlier = this.#written.get(name)
    if (earlier) {
      return earlier.text === text ? { kind: 'written', etag: earlier.etag } : { kind: 'used' }
    }
    const holds = steps.every(({ key, over }) => {
      const held = this.records.get(key)
      return over === (held && `"1.${held.version}"`)
    })
    if (!holds || this.movedTo !== undefined) return { kind: 'overtaken' }
    const version = this.#version + 1
    for (const step of steps) {
      this.#version = version - 1
      this.#put(step.key, step.kind === 'put' ? this.#valueOf(step) : undefined)
    }
    this.#version = version
    const etag = `"1.${version}"`
    this.#written.set(name, { text, etag })
    return { kind: 'written', etag }
  }

  #valueOf({ bytes, mediaType, ttlMs }: Extract<Step, { kind: 'put' }>): Value {
    const text = new TextDecoder().decode(bytes)
    return { text, mediaType, ...(ttlMs !== undefined && { expiresAtMs: this.nowMs + ttlMs }) }
  }

  erase(state: string, movedTo: string | undefined): Promise<boolean> {
    return this.#called('erase', () => {
      if (!this.isLate) return this.#eraseIf(state, movedTo)
      this.isLate = false
      this.#late = { state, movedTo }
      throw passing()
    })
  }

  landErasure(): void {
    if (this.#late) this.#eraseIf(this.#late.state, this.#late.movedTo)
    this.#late = undefined
  }

  #eraseIf(state: string, movedTo: string | undefined): boolean {
    if (state !== `${this.#tag}`) return false
    this.#end(movedTo)
    return true
  }

  #end(movedTo: string | undefined): void {
    this.records.clear()
    this.erasedTerm = (this.erasedTerm ?? 0) + 1
    this.movedTo = movedTo
    this.isHeld = false
    this.#tag += 1
  }

  /** By somebody else, whatever is in it. */
  eraseByHand(): void {
    this.#end(undefined)
  }

  receipt(copied: CopiedGroup): Promise<Receipt> {
    return this.#called('receipt', () => ({
      ...{ format: 1, cluster: 'acme', clusterId: 'c', issuedAtMs: 1, keyId: 'k', signature: 's' },
      ...{ regions: [], open: [], cannotProve: [] },
      what: { kind: 'move', ...copied },
    }))
  }
}
