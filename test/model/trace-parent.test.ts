/** The header of W3C Trace Context. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { formatTraceParent, parseTraceParent } from '../../src/model/trace-parent.ts'

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const spanId = '00f067aa0ba902b7'

test('a traceparent is read and written', () => {
  const text = `00-${traceId}-${spanId}-01`
  const parent = { traceId, spanId, flags: 1 }
  assert.equal(parseTraceParent(text), parent)
  assert.is(formatTraceParent(parent), text)
  assert.equal(parseTraceParent(`01-${traceId}-${spanId}-01-more`), parent)
})

test('what is no traceparent is none', () => {
  const wrong = [
    undefined,
    '',
    'a key',
    `ff-${traceId}-${spanId}-01`,
    `00-${'0'.repeat(32)}-${spanId}-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    `00-${traceId.toUpperCase()}-${spanId}-01`,
    `00-${traceId}-${spanId}`,
    ` 00-${traceId}-${spanId}-01`,
  ]
  for (const text of wrong) assert.is(parseTraceParent(text), undefined, String(text))
})

test.run()
