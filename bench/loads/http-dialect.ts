/** Denizen's routes of one value, and the bare server that stands beside it. */
import { digitsOf, fillOf, keyText } from '../keys.ts'
import { readHttpReply } from './http-reply.ts'
import { type Dialect, type DialectOptions, excerpt, type Operation, WrongReply } from './reply.ts'

type Options = Extract<DialectOptions, { kind: 'http' }>

export function httpDialect({ path, isStatic, hasVersions }: Options, valueBytes: number): Dialect {
  const fill = fillOf(valueBytes)
  const versions = new Versions()
  const putHead = `host: bench\r\ncontent-type: application/octet-stream\r\ncontent-length: ${valueBytes}\r\n\r\n`
  const statuses = { get: 200, put: 204 }
  return {
    greeting: () => '',
    request(operation, key) {
      if (operation === 'get') return `GET ${path}${keyText(key)} HTTP/1.1\r\nhost: bench\r\n\r\n`
      if (hasVersions) versions.sent(key)
      return `PUT ${path}${keyText(key)} HTTP/1.1\r\n${putHead}${digitsOf(key)}${fill}`
    },
    read(received: Buffer, operation: Operation, key: number) {
      const reply = readHttpReply(received)
      if (reply === undefined) return undefined
      if (reply.status !== statuses[operation]) {
        throw new WrongReply(`status ${reply.status}: ${excerpt(received)}`)
      }
      if (operation === 'get') {
        const body = reply.body.toString('latin1')
        if (body !== digitsOf(isStatic ? 0 : key) + fill) {
          throw new WrongReply(`a wrong body: ${excerpt(reply.body)}`)
        }
      } else if (hasVersions && !versions.answered(key, reply.head)) {
        throw new WrongReply(`a write without a new version: ${excerpt(received)}`)
      }
      return { bytes: reply.bytes, isReply: true }
    },
  }
}

type Version = readonly [term: number, seq: number]

/** A PUT's version is newer than every one that was known when it was sent. */
class Versions {
  readonly #newest = new Map<number, Version>()
  /** By key: what was known when its oldest PUT that is under way was sent. */
  readonly #known = new Map<number, (Version | undefined)[]>()

  sent(key: number): void {
    const known = this.#known.get(key)
    const newest = this.#newest.get(key)
    if (known) known.push(newest)
    else this.#known.set(key, [newest])
  }

  answered(key: number, head: string): boolean {
    const version = versionOf(head)
    // Replies of several connections may come in any order: the least that was known is the bound.
    const known = this.#known.get(key)
    const bound = known?.shift()
    if (known?.length === 0) this.#known.delete(key)
    if (version === undefined || (bound && !isLater(version, bound))) return false
    const newest = this.#newest.get(key)
    if (!newest || isLater(version, newest)) this.#newest.set(key, version)
    return true
  }
}

const isLater = ([term, seq]: Version, [termBefore, seqBefore]: Version): boolean =>
  term > termBefore || (term === termBefore && seq > seqBefore)

function versionOf(head: string): Version | undefined {
  const match = /\r\netag: *"(\d+)\.(\d+)"/i.exec(head)
  return match === null ? undefined : [Number(match[1]), Number(match[2])]
}
