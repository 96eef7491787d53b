/**
 * Tracing as it is passed in; a node without it has `undefined`, and pays nothing. A trace begins
 * where a request comes in, or where a caller of another region says that it belongs to one; below
 * that, what runs finds the span above it by itself. Names and attributes hold no keys or values.
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
  /** A `traceparent`; what is none is as good as undefined. */
  readonly parent?: string | undefined
}

export type SpanAttributes = Readonly<Record<string, string | number>>

export interface RunningSpan {
  set(attributes: SpanAttributes): void
  /** It has failed, by this error code. */
  fail(code: string): void
}

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
