/** Gathers writes of one store into one request, in columns: see `WriteManyRequest`. */
import type { Operation } from '../execution/operation.ts'
import {
  deletes,
  type OtherMembers,
  type WriteManyRequest,
} from '../execution/operations/write-many.ts'
import type { Key } from '../model/key.ts'
import type { GroupHome } from '../storage/row-values.ts'
import { onceFor } from './step.ts'

/** Writes, and bytes of values beyond the first, of one request. */
const WRITES_MAX = 512
const BYTES_MAX = 1024 * 1024

type Write = Exclude<Operation, { kind: 'get' }>

export class ManyWrites {
  /** Whose they are, in the order of the request. */
  readonly indexes: number[] = []
  readonly #principal: string
  readonly #keys: Key[] = []
  readonly #values: (Uint8Array | undefined)[] = []
  readonly #types = new Uint16Array(WRITES_MAX)
  readonly #mediaTypes: string[] = []
  readonly #others = new Map<number, OtherMembers>()
  #bytes = 0
  #lastType = 0

  constructor(principal: string) {
    this.#principal = principal
  }

  takes(write: Write): boolean {
    const bytes = write.kind === 'put' ? write.value.length : 0
    return this.indexes.length < WRITES_MAX && this.#bytes + bytes <= BYTES_MAX
  }

  add(index: number, write: Write, claimed: GroupHome | undefined): void {
    const at = this.indexes.push(index) - 1
    this.#keys.push(write.key)
    if (write.kind === 'put') {
      this.#values.push(write.value)
      this.#bytes += write.value.length
      this.#types[at] = this.#typeOf(write.mediaType)
    } else this.#values.push(undefined)
    if (claimed || !isPlain(write)) {
      const ttlMs = write.kind === 'put' ? write.ttlMs : undefined
      this.#others.set(at, {
        precondition: write.precondition,
        ...onceFor(write, this.#principal),
        ...(ttlMs !== undefined && { ttlMs }),
        ...(claimed && { claimed }),
      })
    }
  }

  #typeOf(mediaType: string): number {
    if (this.#mediaTypes[this.#lastType] === mediaType) return this.#lastType
    const known = this.#mediaTypes.indexOf(mediaType)
    this.#lastType = known < 0 ? this.#mediaTypes.push(mediaType) - 1 : known
    return this.#lastType
  }

  request(): Omit<WriteManyRequest, 'nowMs'> {
    const lengths = new Int32Array(this.#keys.length)
    const values = new Uint8Array(this.#bytes)
    let at = 0
    for (let index = 0; index < lengths.length; index++) {
      const value = this.#values[index]
      lengths[index] = value ? value.length : deletes
      if (!value) continue
      values.set(value, at)
      at += value.length
    }
    const types = this.#types.slice(0, lengths.length)
    return {
      ...{ keys: this.#keys, lengths, values, types },
      ...{ mediaTypes: this.#mediaTypes, others: this.#others },
    }
  }
}

/** It asks for nothing and names nothing beside its value. */
const isPlain = (write: Write): boolean =>
  write.precondition.ifMatch === undefined &&
  write.precondition.ifNoneMatch === undefined &&
  write.idempotencyKey === undefined &&
  (write.kind === 'delete' || write.ttlMs === undefined)
