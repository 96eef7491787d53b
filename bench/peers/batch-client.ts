/**
 * Many keys through Denizen's batches, in CBOR: for filling a node, and for comparing all that it
 * has with what was put. Bodies are templates in which only the digits of keys differ, so that the
 * client costs next to nothing.
 */
import { encode } from 'cbor-x'
import { digitsOf, fillOf, keyText, valueText } from '../keys.ts'

const operationsMax = 500
/** So that values of any size stay below what a batch may have. */
const bodyBytesMax = 4 * 1024 * 1024
const atOnce = 8
/** Nothing was applied, and it may be sent again: what others do on the machine starves a node. */
const overloaded = 503
const overloadMaxMs = 60_000
const pauseMs = 250
const octets = 'application/octet-stream'
const digitBytes = digitsOf(0).length

export class BatchClient {
  readonly #url: string

  constructor(url: string) {
    this.#url = url
  }

  async put(fromKey: number, toKey: number, valueBytes: number): Promise<void> {
    const operations = operationsFor(valueBytes)
    const template = new Template(operations, key => ({
      ...{ op: 'put', key: keyText(key), type: octets },
      bytes: Buffer.from(valueText(key, valueBytes)),
    }))
    await inParallel(fromKey, toKey, operations, async (from, to) => {
      const reply = await this.#post(template.body(from, to))
      if (reply.includes('error')) throw new Error('denizen did not take a key of a batch')
      if (!reply.includes(resultsHead(to - from))) throw new Error('denizen left results out')
    })
  }

  /** Throws unless the keys 0 to `keys` have their values and the next one has none. */
  async compare(keys: number, valueBytes: number): Promise<void> {
    const operations = operationsFor(valueBytes)
    const template = new Template(operations, key => ({ op: 'get', key: keyText(key) }))
    const fill = fillOf(valueBytes)
    await inParallel(0, keys, operations, async (from, to) => {
      const reply = await this.#post(template.body(from, to))
      let at = 0
      for (let key = from; key < to; key++) {
        const digits = digitsOf(key)
        at = reply.indexOf(digits, at, 'latin1') + digits.length
        const isThere =
          at >= digits.length && fill === reply.toString('latin1', at, at + fill.length)
        // What redis-benchmark does to Redis, nothing does here: each key keeps its own value.
        if (!isThere) throw new Error(`denizen has another value of ${keyText(key)}`)
        at += fill.length
      }
    })
    const next = await this.#post(Buffer.from(encode({ ops: [{ op: 'get', key: keyText(keys) }] })))
    if (!next.includes('not_found')) throw new Error(`denizen has more than ${keys} keys`)
  }

  async #post(body: Uint8Array<ArrayBuffer>): Promise<Buffer> {
    const headers = {
      ...{ 'content-type': 'application/cbor', accept: 'application/cbor' },
      'denizen-consistency': 'strong',
    }
    const deadlineMs = performance.now() + overloadMaxMs
    for (;;) {
      const reply = await fetch(this.#url, { method: 'POST', headers, body })
      const bytes = Buffer.from(await reply.arrayBuffer())
      if (reply.status === 200) return bytes
      if (reply.status !== overloaded || performance.now() > deadlineMs) {
        throw new Error(`denizen answered a batch with ${reply.status}: ${bytes.toString()}`)
      }
      await new Promise(again => setTimeout(again, pauseMs))
    }
  }
}

const operationsFor = (valueBytes: number): number =>
  Math.max(1, Math.min(operationsMax, Math.floor(bodyBytesMax / valueBytes)))

/** The member `results` and the head of its array. */
const resultsHead = (count: number): Buffer =>
  Buffer.concat([
    Buffer.from('results'),
    Buffer.from(encode(new Array(count).fill(0))).subarray(0, headBytes(count)),
  ])

const headBytes = (count: number): number => (count < 24 ? 1 : count < 256 ? 2 : 3)

async function inParallel(
  from: number,
  to: number,
  size: number,
  task: (from: number, to: number) => Promise<void>,
): Promise<void> {
  let next = from
  const work = async (): Promise<void> => {
    while (next < to) {
      const first = next
      next = Math.min(to, first + size)
      await task(first, next)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
}

/** A body with operations for consecutive keys. */
class Template {
  readonly #operations: number
  readonly #operationOf: (key: number) => object
  readonly #whole: Buffer<ArrayBuffer>
  /** Where an operation's number has its digits, from the operation's first byte. */
  readonly #places: readonly number[]
  readonly #start: number
  readonly #stride: number

  constructor(operations: number, operationOf: (key: number) => object) {
    this.#operations = operations
    this.#operationOf = operationOf
    this.#whole = this.#encode(0, operations)
    const one = Buffer.from(encode(operationOf(0)))
    this.#stride = one.length
    this.#start = this.#whole.length - operations * one.length
    const places: number[] = []
    for (
      let at = one.indexOf(digitsOf(0));
      at >= 0;
      at = one.indexOf(digitsOf(0), at + digitBytes)
    ) {
      places.push(at)
    }
    this.#places = places
  }

  #encode(from: number, to: number): Buffer<ArrayBuffer> {
    const ops = Array.from({ length: to - from }, (_, index) => this.#operationOf(from + index))
    return Buffer.from(encode({ ops }))
  }

  body(from: number, to: number): Buffer<ArrayBuffer> {
    if (to - from !== this.#operations) return this.#encode(from, to)
    const body = Buffer.from(this.#whole)
    for (let index = 0; index < this.#operations; index++) {
      const digits = digitsOf(from + index)
      const start = this.#start + index * this.#stride
      for (const place of this.#places) body.write(digits, start + place, 'latin1')
    }
    return body
  }
}
