/** Failures that a caller may see, within a node and on their way between nodes. */
import { type Applied, type ErrorCode, errorKinds, type Retry } from './error-kinds.ts'

export interface ErrorOptions {
  readonly applied?: Applied
  readonly retry?: Retry
  /** Further members of the problem body. Never keys or values. */
  readonly extra?: Readonly<Record<string, string | number | boolean | readonly string[]>>
  readonly cause?: unknown
}

/** A failure that a caller may see. Match on `code`, never on the text. */
export class DenizenError extends Error {
  override readonly name = 'DenizenError'
  readonly code: ErrorCode
  readonly applied: Applied
  readonly retry: Retry
  readonly extra: NonNullable<ErrorOptions['extra']>

  constructor(code: ErrorCode, detail: string, options: ErrorOptions = {}) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.applied = options.applied ?? errorKinds[code].applied
    this.retry = options.retry ?? errorKinds[code].retry
    this.extra = options.extra ?? {}
  }

  get status(): number {
    return errorKinds[this.code].status
  }

  /** The form in which an error crosses a thread or a region. */
  toWire(): WireError {
    const { code, message: detail, applied, retry, extra } = this
    return { code, detail, applied, retry, extra }
  }

  static fromWire(wire: WireError): DenizenError {
    return new DenizenError(wire.code, wire.detail, wire)
  }
}

export interface WireError {
  readonly code: ErrorCode
  readonly detail: string
  readonly applied: Applied
  readonly retry: Retry
  readonly extra: NonNullable<ErrorOptions['extra']>
}
