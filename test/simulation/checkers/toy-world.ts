/**
 * A world of one page: a home with a log of writes, replicas that follow it late, clients with
 * sessions, and observations of it all. It keeps every promise, or breaks one on purpose.
 */
import {
  type Get,
  type History,
  newHeader,
  type OperationRecord,
  type Result,
} from '../../../src/simulation/history.ts'
import type { CopyChange, CopyRow, DurableState } from '../../../src/simulation/observations.ts'
import type { SeededRandom } from '../../support/seeded-random.ts'

export const defects = [
  'a replica ignores the session',
  'a replica ignores the bound',
  'a replica says that it is younger than it is',
  'a write is acknowledged before it is on a second disk',
  'a copy takes an older row',
  'a repeat is applied again',
  'a write is applied and called refused',
  'a copy is left behind',
] as const
export type Defect = (typeof defects)[number]

export interface ToyRun {
  readonly history: History
  readonly changes: readonly CopyChange[]
  /** At moments of the run, and in the end. */
  readonly states: readonly DurableState[]
}

interface Entry extends CopyRow {
  readonly atMs: number
}

const regions = ['a', 'b', 'c'] as const
const home = 'a'
const keys = ['k', 'l', 'm']
const clients = 6

export class ToyWorld {
  readonly #random: SeededRandom
  readonly #defect: Defect | undefined
  readonly #log: Entry[] = []
  /** How much of the log each region has. */
  readonly #ends = new Map<string, number>(regions.map(region => [region, 0]))
  readonly #tokens = new Map<string, number>()
  readonly #records: OperationRecord[] = []
  readonly #changes: CopyChange[] = []
  readonly #states: DurableState[] = []
  #values = 0

  constructor(random: SeededRandom, defect?: Defect) {
    this.#random = random
    this.#defect = defect
  }

  run(operations: number): ToyRun {
    const random = this.#random
    const busyUntil = new Array<number>(clients).fill(0)
    let atMs = 0
    for (let n = 0; n < operations; n++) {
      atMs += 1 + random.unit()
      const client = random.below(clients)
      const invokeMs = Math.max((busyUntil[client] ?? 0) + 0.01, atMs - 6 * random.unit())
      atMs = Math.max(atMs, invokeMs)
      const returnMs = atMs + 6 * random.unit()
      busyUntil[client] = returnMs
      for (const region of ['b', 'c']) {
        if (random.oneIn(8) && !this.#isLeft(region)) this.#catchUp(region)
      }
      this.#step(`c${client}`, invokeMs, atMs, returnMs)
      if (n % Math.ceil(operations / 8) === 0) this.#observe(atMs)
    }
    for (const region of regions) if (!this.#isLeft(region)) this.#catchUp(region)
    this.#observe(atMs + 100)
    const history = { header: newHeader('simulation'), operations: this.#records }
    return { history, changes: this.#changes, states: this.#states }
  }

  #step(client: string, invokeMs: number, atMs: number, returnMs: number): void {
    const random = this.#random
    const key = random.pick(keys)
    const record = { client, session: client, dataset: 'd', invokeMs, returnMs }
    if (random.oneIn(2)) {
      const operation = this.#get(key)
      const entry = random.pick(regions)
      const result = this.#read(client, operation, entry, atMs)
      this.#records.push({ ...record, entry, operation, result })
      return
    }
    const acks = random.pick([1, 2])
    const value = random.oneIn(5) ? null : `v${++this.#values}`
    const once = random.oneIn(4) && { idempotencyKey: `i${this.#values}` }
    const operation =
      value === null
        ? ({ kind: 'delete', key, acks } as const)
        : ({ kind: 'put', key, value, acks, ...once } as const)
    const result = this.#write(key, value, acks, atMs)
    this.#tokens.set(client, this.#log.length)
    const written = { ...record, entry: home, operation, result }
    if (result.kind !== 'absent' && this.#defect === 'a write is applied and called refused') {
      const refused = { kind: 'error', code: 'overloaded', applied: 'no' } as const
      this.#records.push(random.oneIn(5) ? { ...written, result: refused } : written)
      return
    }
    this.#records.push(written)
    if (!once || value === null) return
    const isRepeated = this.#defect === 'a repeat is applied again'
    const again = isRepeated ? this.#write(key, value, acks, returnMs) : result
    const times = { invokeMs: returnMs, returnMs: returnMs + 0.005 }
    this.#records.push({ ...written, ...times, result: again })
  }

  #get(key: string): Get {
    const consistency = this.#random.pick(['strong', 'session', 'bounded', 'eventual'] as const)
    return { kind: 'get', key, consistency, ...(consistency === 'bounded' && { boundMs: 4 }) }
  }

  #read(client: string, operation: Get, region: string, atMs: number): Result {
    const { consistency, boundMs = 0, key } = operation
    const age = this.#ageMs(region, atMs)
    const seen = this.#tokens.get(client) ?? 0
    const mayAnswer = {
      strong: false,
      session: this.#end(region) >= seen || this.#defect === 'a replica ignores the session',
      bounded: age <= boundMs || this.#defect === 'a replica ignores the bound',
      eventual: true,
    }[consistency]
    const from = mayAnswer ? region : home
    if (from === home) this.#tokens.set(client, this.#log.length)
    else if (consistency === 'session') this.#tokens.set(client, Math.max(seen, this.#end(from)))
    const row = this.#newest(key, this.#end(from))
    const isLying = this.#defect === 'a replica says that it is younger than it is'
    const receipt = {
      servedBy: from,
      stalenessMs: from === home || isLying ? 0 : age,
    }
    if (!row || row.value === null) return { kind: 'absent', ...receipt }
    return { kind: 'found', version: row.version, value: row.value, ...receipt }
  }

  #write(key: string, value: string | null, acks: number, atMs: number): Result {
    const current = this.#newest(key, this.#log.length)
    const isLive = current !== undefined && current.value !== null
    if (value === null && !isLive) return { kind: 'absent' }
    const version = `1.${this.#log.length + 1}`
    this.#log.push({ dataset: 'd', key, version, value, atMs })
    this.#catchUp(home)
    const isEarly = this.#defect === 'a write is acknowledged before it is on a second disk'
    if (acks > 1 && !isEarly) this.#catchUp(this.#random.pick(['b', 'c']))
    return value === null
      ? { kind: 'deleted', version }
      : { kind: 'written', version, created: !isLive }
  }

  #isLeft(region: string): boolean {
    return region === 'c' && this.#defect === 'a copy is left behind'
  }

  /** Of the first entries of the log. */
  #newest(key: string, end: number): Entry | undefined {
    for (let at = end - 1; at >= 0; at--) if (this.#log[at]?.key === key) return this.#log[at]
    return undefined
  }

  #end(region: string): number {
    return this.#ends.get(region) ?? 0
  }

  /** How long ago the oldest write was made that the region does not have. */
  #ageMs(region: string, atMs: number): number {
    const next = this.#log[this.#end(region)]
    return next ? atMs - next.atMs : 0
  }

  #catchUp(region: string): void {
    const missing = this.#log.slice(this.#end(region))
    for (const { dataset, key, version, value } of missing) {
      this.#changes.push({ kind: 'row', region, dataset, key, version, value })
    }
    const [first] = missing
    if (first && missing.length > 1 && this.#defect === 'a copy takes an older row') {
      const older = missing.findLast(({ key }) => key === first.key)
      if (older !== first) this.#changes.push({ kind: 'row', region, ...first })
    }
    this.#ends.set(region, this.#log.length)
  }

  #observe(atMs: number): void {
    const rowsOf = (region: string): CopyRow[] => {
      const rows = this.#log.slice(0, this.#end(region)).map(entry => [entry.key, entry] as const)
      return [...new Map(rows).values()]
    }
    this.#states.push({
      atMs,
      regions: new Map(regions.map(region => [region, rowsOf(region)])),
      lostDisks: new Set(),
      tombstonesCollected: false,
    })
  }
}
