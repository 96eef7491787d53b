/**
 * Verifies a dataset at rest: every record against its checksum, every slot against the digest that
 * the node kept while it wrote, every entry of a feed against what it points to. It shares the
 * encoding of rows with the node: what it counts, it counts from the records themselves.
 *
 * Findings name datasets, stores and slots, and keys only where the operator asked for them.
 */
import { join } from 'node:path'
import { DenizenError } from '../../model/errors.ts'
import { groupOf } from '../../model/group.ts'
import type { Hasher } from '../../model/hash.ts'
import type { Key } from '../../model/key.ts'
import { type Slot, slotOf } from '../../model/slot.ts'
import type { DatasetLayout } from '../../node/data-directory.ts'
import { storeEngine } from '../../node/store-engine.ts'
import type { Engine } from '../../storage/engine.ts'
import { EngineFailure } from '../../storage/engine.ts'
import { decodeHead } from '../../storage/record.ts'
import {
  addDigests,
  decodeDigest,
  digestBytesMin,
  digestOf,
  emptyDigest,
  type SlotDigest,
} from '../../storage/row-values.ts'
import { rowKeys, rowText, tableRange } from '../../storage/rows.ts'
import { checkEntry } from '../../storage/scrub.ts'
import type { StoppedDataset } from './data-directory.ts'

export interface Finding {
  readonly dataset: string
  readonly store?: number
  /** Absent where the damage hides it. */
  readonly slot?: Slot
  readonly problem: string
  /** Where it was asked for, and is known. */
  readonly key?: string
}

export interface VerifyOptions {
  readonly withKeys: boolean
}

export interface VerifiedDataset {
  readonly dataset: string
  readonly records: number
  readonly tombstones: number
  /** By slot, of the records that are sound. Absent when the layout is damaged. */
  readonly slots?: readonly SlotDigest[]
  readonly findings: readonly Finding[]
}

export async function verifyDataset(
  hasher: Hasher,
  { id, path, layout }: StoppedDataset,
  options: VerifyOptions,
): Promise<VerifiedDataset> {
  if (!layout) {
    const problem = 'dataset.json is damaged or missing, so that its stores can not be read'
    return { dataset: id, records: 0, tombstones: 0, findings: [{ dataset: id, problem }] }
  }
  const verification = new Verification(hasher, layout, options)
  for (let store = 0; store < layout.stores; store++) {
    await verification.store(store, join(path, String(store)))
  }
  return verification.result()
}

class Verification {
  readonly #hasher: Hasher
  readonly #layout: DatasetLayout
  readonly #withKeys: boolean
  readonly #slots: SlotDigest[]
  readonly #findings: Finding[] = []

  constructor(hasher: Hasher, layout: DatasetLayout, { withKeys }: VerifyOptions) {
    this.#hasher = hasher
    this.#layout = layout
    this.#withKeys = withKeys
    this.#slots = Array.from({ length: layout.slots }, () => emptyDigest)
  }

  async store(store: number, directory: string): Promise<void> {
    try {
      const engine = await storeEngine.open(directory, { readOnly: true })
      try {
        this.#records(store, engine)
        this.#digests(store, engine)
        this.#entries(store, engine)
      } finally {
        await engine.close()
      }
    } catch (error) {
      if (!(error instanceof EngineFailure)) throw error
      this.#report('the store can not be read', store)
    }
  }

  #records(store: number, engine: Engine): void {
    for (const { key, value } of engine.range(tableRange('record'))) {
      const text = textOf(key)
      if (text === undefined) {
        this.#report('a record has a key that is not UTF-8', store)
        continue
      }
      const group = groupOf(text as Key, this.#layout.groupBySegments)
      const slot = slotOf(this.#hasher, group, this.#layout.slots)
      if (slot % this.#layout.stores !== store) {
        this.#report('a record lies in the store of another slot', store, slot, text)
      }
      this.#record(store, slot, text, value)
    }
  }

  #record(store: number, slot: Slot, key: string, bytes: Uint8Array): void {
    try {
      const record = digestOf(key, decodeHead(this.#hasher, key, bytes))
      this.#slots[slot] = addDigests(this.#slots[slot] ?? emptyDigest, record)
    } catch (error) {
      if (!(error instanceof DenizenError)) throw error
      this.#report(error.message, store, slot, key)
    }
  }

  /** Each store has the digests of its own slots. */
  #digests(store: number, engine: Engine): void {
    for (let slot = store; slot < this.#layout.slots; slot += this.#layout.stores) {
      const bytes = engine.get(rowKeys.digest(slot))
      if (bytes !== undefined && bytes.length < digestBytesMin) {
        this.#report('the digest of a slot is damaged', store, slot)
        continue
      }
      const kept = bytes ? decodeDigest(bytes) : emptyDigest
      const counted = this.#slots[slot] ?? emptyDigest
      if (isSameDigest(kept, counted)) continue
      this.#report(
        `the node counted ${digestText(kept)}; the sound records are ${digestText(counted)}`,
        store,
        slot,
      )
    }
  }

  #entries(store: number, engine: Engine): void {
    for (const row of engine.range(tableRange('feedEntry'))) {
      for (const { slot, key, kind } of checkEntry(engine, row)) {
        const problem = `an entry of a feed ${kind === 'missing' ? 'points to nothing' : 'is damaged'}`
        this.#report(problem, store, slot, key)
      }
    }
  }

  #report(problem: string, store: number, slot?: Slot, key?: string): void {
    const { dataset } = this.#layout
    const named = this.#withKeys && key !== undefined && { key }
    this.#findings.push({ dataset, store, ...(slot !== undefined && { slot }), problem, ...named })
  }

  result(): VerifiedDataset {
    const total = (of: (digest: SlotDigest) => number): number =>
      this.#slots.reduce((sum, digest) => sum + of(digest), 0)
    return {
      dataset: this.#layout.dataset,
      records: total(({ records }) => records),
      tombstones: total(({ tombstones }) => tombstones),
      slots: this.#slots,
      findings: this.#findings,
    }
  }
}

const isSameDigest = (a: SlotDigest, b: SlotDigest): boolean =>
  a.sum === b.sum && a.records === b.records && a.tombstones === b.tombstones

export const digestText = ({ sum, records, tombstones }: SlotDigest): string =>
  `${records} records and ${tombstones} tombstones with digest ${sum.toString(16).padStart(16, '0')}`

/** `undefined` when the bytes of a damaged row are no text. */
function textOf(rowKey: Uint8Array): string | undefined {
  try {
    return rowText(rowKey)
  } catch {
    return undefined
  }
}
