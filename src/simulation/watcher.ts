/**
 * Looks at what no client sees: every step of every copy, every byte that leaves a region, and in
 * the end what lies on the disks. It writes down what it saw; checkers judge it.
 */

import { DenizenError } from '../model/errors.ts'
import type { Hasher } from '../model/hash.ts'
import type { PolicyData } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import { formatVersion } from '../model/version.ts'
import type { RowChange } from '../storage/engine.ts'
import { decodeHomeMarker } from '../storage/home-marker.ts'
import { decodeRecord } from '../storage/record.ts'
import { rowText, tableRange } from '../storage/rows.ts'
import type { Machine } from './machine.ts'
import { markOf, nameOfValue } from './marks.ts'
import type { CopyChange, CopyRow, PolicyInForce, SeenBytes } from './observations.ts'
import type { VirtualTime } from './virtual-time.ts'

export interface WatcherOptions {
  readonly policy: PolicyData
  readonly hasher: Hasher
  readonly time: VirtualTime
}

const HOME_TAG = tableRange('home').from[0]
const RECORD_TAG = tableRange('record').from[0]

const everything = { from: new Uint8Array(), to: new Uint8Array(64).fill(0xff) }

const inForce = (epoch: number, { placements }: PolicyData): PolicyInForce => ({
  epoch,
  datasets: new Map(
    placements.map(({ id, store, serve }) => [
      id,
      { store: new Set(store), serve: new Set(serve) },
    ]),
  ),
})

export class Watcher {
  readonly changes: CopyChange[] = []
  readonly seen: SeenBytes[] = []
  /** By epoch. */
  readonly #policies = new Map<number, PolicyInForce>()
  #epochs: readonly number[] = [1]
  readonly #options: WatcherOptions
  readonly #marks: readonly { readonly dataset: string; readonly mark: Uint8Array }[]
  /** Moves of homes, by dataset, group and term. */
  readonly #moved = new Set<string>()
  /** Records that a copy has lost behind its back, by region, dataset and key. */
  readonly #lost = new Set<string>()
  recordsLost = 0
  /** Of them, those that came again. */
  recordsMended = 0
  /** What was seen already, so that each is written down once. */
  readonly #known = new Set<string>()

  constructor(options: WatcherOptions) {
    this.#options = options
    this.#marks = options.policy.placements.map(({ id }) => ({
      dataset: id,
      mark: Buffer.from(markOf(id)),
    }))
  }

  /** The policies in force from now on: one, or two while one follows the other. */
  governedBy(policies: readonly { readonly epoch: number; readonly policy: PolicyData }[]): void {
    this.#epochs = policies.map(({ epoch }) => epoch)
    for (const { epoch, policy } of policies) this.#policies.set(epoch, inForce(epoch, policy))
  }

  /** All that ever were in force, the last of them last. */
  get policies(): readonly PolicyInForce[] {
    return [...this.#policies.values()].sort((a, b) => a.epoch - b.epoch)
  }

  /** A region has erased its copy. */
  erased(region: RegionId, dataset: string): void {
    this.changes.push({ region, dataset, kind: 'removed' })
    for (const name of this.#lost)
      if (name.startsWith(`${region} ${dataset} `)) this.#lost.delete(name)
  }

  /** The copy has lost the record behind its back. */
  hasLost(region: RegionId, dataset: string, key: string): boolean {
    return this.#lost.size > 0 && this.#lost.has(`${region} ${dataset} ${key}`)
  }

  /** Of the policies in force now. */
  get epochs(): readonly number[] {
    return this.#epochs
  }

  /** A copy has lost a record behind its back, and has it not again. */
  get lacks(): boolean {
    return this.#lost.size > 0
  }

  /** What lies on a machine now is judged by the policies in force now. */
  lookAt(region: RegionId, machine: Machine): void {
    for (const directory of machine.directories()) {
      for (const { key, value } of machine.rows(directory, everything)) {
        this.#look(key, { kind: 'disk', region })
        this.#look(value, { kind: 'disk', region })
      }
    }
  }

  /** A commit has become visible in a region's store. */
  flushed(region: RegionId, directory: string, changes: readonly RowChange[]): void {
    const dataset = directory.slice(0, directory.lastIndexOf(' '))
    for (const { key, value } of changes) {
      this.#look(value ?? key, { kind: 'disk', region })
      if (key[0] === HOME_TAG && value !== null) this.#markerOf(dataset, key, value)
      if (key[0] !== RECORD_TAG) continue
      if (value === null) this.changes.push({ region, dataset, kind: 'removed', key: rowText(key) })
      else {
        const { key: name, version, value: text } = this.#row(dataset, key, value)
        if (this.#lost.delete(`${region} ${dataset} ${name}`)) this.recordsMended += 1
        this.changes.push({ region, dataset, kind: 'row', key: name, version, value: text })
      }
    }
  }

  lost(region: RegionId, dataset: string, key: string): void {
    this.recordsLost += 1
    this.#lost.add(`${region} ${dataset} ${key}`)
  }

  /** Groups that have come to another home, and how often. */
  get homesMoved(): number {
    return this.#moved.size
  }

  #markerOf(dataset: string, key: Uint8Array, bytes: Uint8Array): void {
    const { term, why } = decodeHomeMarker(bytes)
    if (why) this.#moved.add(`${dataset} ${rowText(key)} ${term}`)
  }

  sent(from: RegionId, to: RegionId, bytes: Uint8Array): void {
    this.#look(bytes, { kind: 'wire', from, to })
  }

  /** What is durable in a region; `damaged` stands for a version that can't be read. */
  rows(machine: Machine): CopyRow[] {
    const rows: CopyRow[] = []
    for (const directory of machine.directories()) {
      const dataset = directory.slice(0, directory.lastIndexOf(' '))
      for (const { key, value } of machine.rows(directory, tableRange('record'))) {
        rows.push(this.#row(dataset, key, value))
      }
    }
    return rows
  }

  #row(dataset: string, rowKey: Uint8Array, bytes: Uint8Array): CopyRow {
    const key = rowText(rowKey)
    try {
      return this.#sound(dataset, key, bytes)
    } catch (error) {
      if (!(error instanceof DenizenError)) throw error
      return { dataset, key, version: 'damaged', value: null }
    }
  }

  #sound(dataset: string, key: string, bytes: Uint8Array): CopyRow {
    const { version, tombstone, value } = decodeRecord(this.#options.hasher, key, bytes)
    const name = tombstone ? null : nameOfValue(value)
    return { dataset, key, version: formatVersion(version), value: name }
  }

  #look(bytes: Uint8Array, place: SeenBytes['place']): void {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    for (const { dataset, mark } of this.#marks) {
      const where = place.kind === 'wire' ? `${place.from} ${place.to}` : place.region
      const name = `${dataset} ${place.kind} ${where} ${this.#epochs.join()}`
      if (this.#known.has(name) || !buffer.includes(mark)) continue
      this.#known.add(name)
      this.seen.push({ dataset, place, epochs: this.#epochs, atMs: this.#options.time.nowMs })
    }
  }
}
