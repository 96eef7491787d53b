import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createWorld, recordingLogger } from './world.ts'
const w = createWorld()
test('x', async () => {
  const enc = new TextEncoder()
  const body = enc.encode([1,2,3].map(i => JSON.stringify({ op: 'put', key: `a${i}`, value: i })).join('\n') + '\n\n{"op":"get","key":"a1"}\n{"op":"nope"}\n{"op":"get","key":"a1"}')
  const r = await w.send('POST', '/v1/batch/profiles', { body, headers: { 'Content-Type': 'application/x-ndjson' } })
  console.log(r.status, r.headers.get('content-type'), await r.text())
  console.log(w.lines)
})
test.run()
