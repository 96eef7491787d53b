/**
 * Tracing as it is passed in; a node without it has `undefined`, and pays nothing. A trace begins
 * where a request comes in, or where a caller of another region says that it belongs to one; below
 * that, what runs finds the span above it by itself. Names and attributes never hold keys or values.
 */
export interface Tracing {
  /**
   * Runs a task in a span of its own. Of kind `server`: under `parent`, or as the beginning of a
   * trace. Of another kind: under the current span; where there is none, without a span.
   */
  run<T>(span: SpanStart, task: (span: RunningSpan) => Promise<T>): Promise<T>
  /** The current span as a `traceparent`, for the other side of a call. */
  current(): string | undefined
  /** A way back into the current span, for what runs later and in another's turn. */
  wayBack(): WayBack
  /** Sends what has not been sent yet; gives up after a moment. */
  close(): Promise<void>
}

export type WayBack = <T>(task: () => T) => T

/** A way back into the current span, where there is tracing. */
export const wayBack = (tracing: Tracing | undefined): WayBack =>
  tracing ? tracing.wayBack() : task => task()

export interface SpanStart {
  readonly name: string
  readonly kind: 'server' | 'client' | 'internal'
  readonly attributes?: SpanAttributes
  /** A `traceparent` (W3C Trace Context, section 3.2); what is none is as good as undefined. */
  readonly parent?: string | undefined
}

export type SpanAttributes = Readonly<Record<string, string | number>>

export interface RunningSpan {
  set(attributes: SpanAttributes): void
  /** It has failed, by this error code. */
  fail(code: string): void
}

export interface TraceParent {
  readonly traceId: string
  readonly spanId: string
  readonly flags: number
}

/** Version 00; of later versions, the part that they share with it. */
export function parseTraceParent(text: string | undefined): TraceParent | undefined {
  const found = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/.exec(
    text ?? '',
  )
  const [, traceId = '', spanId = '', flags = ''] = found ?? []
  if (/^0*$/.test(traceId) || /^0*$/.test(spanId)) return undefined
  return { traceId, spanId, flags: Number.parseInt(flags, 16) }
}

export const formatTraceParent = ({ traceId, spanId, flags }: TraceParent): string =>
  `00-${traceId}-${spanId}-${flags.toString(16).padStart(2, '0')}`

/** Makes a call to a peer under a span of its own; `trace` goes along with it. */
export function tracedCall<T>(
  tracing: Tracing | undefined,
  peer: string,
  name: string,
  call: (trace: string | undefined) => Promise<T>,
): Promise<T> {
  if (!tracing) return call(undefined)
  const attributes = { 'denizen.peer': peer }
  return tracing.run({ name: `call ${name}`, kind: 'client', attributes }, () =>
    call(tracing.current()),
  )
}

interface Answered {
  readonly peer: string
  readonly name: string
  readonly trace: string | undefined
}

/** Answers a call of a peer: where it belongs to a trace, under a span of it. */
export function tracedAnswer<T>(
  tracing: Tracing | undefined,
  { peer, name, trace }: Answered,
  answer: () => Promise<T>,
): Promise<T> {
  if (!tracing || trace === undefined) return answer()
  const attributes = { 'denizen.peer': peer }
  const span = { name: `answer ${name}`, kind: 'server', attributes, parent: trace } as const
  return tracing.run(span, answer)
}
