/**
 * Replies of batches. As JSON, an object is made of each result; as CBOR, most are written straight
 * from their outcome, and the bytes are those of the object. batch-reply.test.ts holds the two
 * together.
 */
import type { Outcome } from '../execution/operation.ts'
import { utf8 } from '../model/bytes.ts'
import type { Version } from '../model/version.ts'
import { isWellFormedCbor } from '../protocol/cbor.ts'
import { CborWriter, writeCbor } from '../protocol/cbor-writer.ts'
import type { Executed } from './batch-execution.ts'
import type { Planned } from './batch-operation.ts'
import { resultOf } from './batch-results.ts'
import { type Format, formatOf } from './media-type.ts'
import { encodeSequence } from './sequence.ts'

/** The body of a reply to a whole batch. */
export function replyOf(executed: Executed, format: Format): Uint8Array {
  if (format === 'json') return utf8(JSON.stringify({ results: objectsOf(executed, format) }))
  const { planned } = executed
  const results = new CborResults()
  results.begin(planned.length)
  addAll(results, executed, planned.length)
  return results.take()
}

/** Results as items of a stream; the last one has the token of all operations so far. */
export function itemsOf(executed: Executed, format: Format): Uint8Array {
  const { planned, outcomes, session } = executed
  if (format === 'json') {
    const objects = objectsOf(executed, format)
    const last = objects.at(-1)
    const all = session === undefined || !last ? objects : objects.with(-1, { ...last, session })
    return encodeSequence(format, all)
  }
  const results = new CborResults()
  const lastAt = planned.length - 1
  addAll(results, executed, session === undefined ? planned.length : lastAt)
  const last = session === undefined ? undefined : planned[lastAt]
  if (last) results.addObject({ ...resultOf(last, outcomes[lastAt], format), session })
  return results.take()
}

const objectsOf = ({ planned, outcomes }: Executed, format: Format): object[] =>
  planned.map((plan, index) => resultOf(plan, outcomes[index], format))

function addAll(results: CborResults, { planned, outcomes }: Executed, count: number): void {
  for (let index = 0; index < count; index++) {
    results.add(planned[index] as Planned, outcomes[index])
  }
}

const isRelayed = (outcome: Outcome | undefined): boolean => outcome?.receipt?.relay !== undefined

type Found = Extract<Outcome, { kind: 'found' }>
type Written = Extract<Outcome, { kind: 'written' | 'deleted' }>

/** Encoded beginnings of results: how many members there are, the status, the name of the next. */
const begun = (members: number, status: number, next: string): Uint8Array =>
  joined(
    Uint8Array.of(0xa0 + members),
    ...[writeCbor('status'), writeCbor(status), ...(next === '' ? [] : [writeCbor(next)])],
  )

const joined = (...parts: readonly Uint8Array[]): Uint8Array => {
  const writer = new CborWriter()
  for (const part of parts) writer.encoded(part)
  return writer.take()
}

/** By whether a home is named. */
const beginnings = {
  found: [begun(4, 200, 'etag'), begun(5, 200, 'etag')],
  created: [begun(2, 201, 'etag'), begun(3, 201, 'etag')],
  replaced: [begun(2, 204, 'etag'), begun(3, 204, 'etag')],
  deleted: [begun(1, 204, ''), begun(2, 204, '')],
} as const

const results = writeCbor('results')
const bytesName = writeCbor('bytes')
const valueName = writeCbor('value')

/** Replies are made one after another: the next one uses the memory of the one before. */
let writer = new CborWriter()
const KEPT_BYTES_MAX = 512 * 1024

class CborResults {
  readonly #writer = writer
  #mediaType = ''
  #ofMediaType: Uint8Array = new Uint8Array()
  #home = ''
  #ofHome: Uint8Array = new Uint8Array()
  #absent: Uint8Array | undefined

  constructor() {
    // What a failure left behind.
    this.#writer.clear()
  }

  begin(count: number): void {
    this.#writer.encoded(Uint8Array.of(0xa1))
    this.#writer.encoded(results)
    this.#writer.arrayHead(count)
  }

  take(): Uint8Array {
    if (this.#writer.length > KEPT_BYTES_MAX) writer = new CborWriter()
    return this.#writer.take()
  }

  addObject(result: object): void {
    this.#writer.item(result)
  }

  add(plan: Planned, outcome: Outcome | undefined): void {
    const isPlain = plan.kind === 'run' && plan.conditions === undefined && !isRelayed(outcome)
    if (isPlain && outcome && this.#addPlain(plan, outcome)) return
    this.addObject(resultOf(plan, outcome, 'cbor'))
  }

  /** False where nothing was written. */
  #addPlain(plan: Planned, outcome: Outcome): boolean {
    switch (outcome.kind) {
      case 'found':
        return this.#addFound(outcome)
      case 'absent':
        this.#absent ??= writeCbor(resultOf(plan, outcome, 'cbor'))
        this.#writer.encoded(this.#absent)
        return true
      case 'written':
        this.#begin(outcome.created ? beginnings.created : beginnings.replaced, outcome)
        this.#etag(outcome.version)
        this.#end(outcome)
        return true
      case 'deleted':
        this.#begin(beginnings.deleted, outcome)
        this.#end(outcome)
        return true
      case 'failed':
        return false
    }
  }

  #addFound(outcome: Found): boolean {
    const { mediaType, value, version } = outcome
    const format = formatOf(mediaType)
    const isItem = format === 'cbor' && isWellFormedCbor(value)
    // What is stored as JSON is decoded; damaged CBOR goes as bytes.
    if (format === 'json') return false
    this.#begin(beginnings.found, outcome)
    this.#etag(version)
    if (this.#mediaType !== mediaType) {
      this.#mediaType = mediaType
      this.#ofMediaType = joined(writeCbor('type'), writeCbor(mediaType))
    }
    this.#writer.encoded(this.#ofMediaType)
    this.#writer.encoded(isItem ? valueName : bytesName)
    if (isItem) this.#writer.encoded(value)
    else this.#writer.byteString(value)
    this.#end(outcome)
    return true
  }

  #begin([homeless, homed]: readonly [Uint8Array, Uint8Array], { receipt }: Found | Written): void {
    this.#writer.encoded(receipt.home === undefined ? homeless : homed)
  }

  #etag({ term, seq }: Version): void {
    this.#writer.quotedPair(term, seq)
  }

  #end({ receipt: { home } }: Found | Written): void {
    if (home === undefined) return
    if (this.#home !== home) {
      this.#home = home
      this.#ofHome = joined(writeCbor('home'), writeCbor(home))
    }
    this.#writer.encoded(this.#ofHome)
  }
}
