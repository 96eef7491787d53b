/** What all dialects share. */
export type Operation = 'get' | 'put'

export type DialectOptions =
  /** `isStatic`: one reply for all keys. `hasVersions`: every PUT is answered with a newer ETag. */
  | {
      readonly kind: 'http'
      readonly path: string
      readonly isStatic: boolean
      readonly hasVersions: boolean
    }
  | { readonly kind: 'etcd' }
  | { readonly kind: 'resp' }
  | { readonly kind: 'nats'; readonly bucket: string }

export interface Dialect {
  /** What a connection sends before its first request. */
  greeting(connection: number): string
  request(operation: Operation, key: number, connection: number): string | Buffer
  /**
   * Reads from the beginning of what was received, and throws where it is not the reply to that
   * request. Undefined: more has to come first.
   */
  read(received: Buffer, operation: Operation, key: number): Taken | undefined
}

export interface Taken {
  readonly bytes: number
  /** False for what a server says by itself. */
  readonly isReply: boolean
}

export class WrongReply extends Error {}

/** A part of a reply for a message, of a length that people can read. */
export const excerpt = (received: Buffer): string =>
  JSON.stringify(received.toString('latin1', 0, Math.min(200, received.length)))
