/** A snapshot of a log's store that takes long: it stays what it was, and holds nobody up. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fromUtf8, utf8 } from '../../src/model/bytes.ts'
import { limits } from '../../src/model/limits.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { systemRandom } from '../../src/runtime/random.ts'
import type { SharedState } from '../../src/storage/engine.ts'
import { word } from '../../src/storage/log/overlays.ts'
import { createLogEngineKind } from '../../src/storage/log-engine.ts'

const everything = { from: Uint8Array.of(0), to: Uint8Array.of(0xff) }

/** Threads that hold the memory of either overlay. */
function holders({ logControl }: SharedState): number {
  const control = new Int32Array(logControl as SharedArrayBuffer)
  return Atomics.load(control, word.readers) + Atomics.load(control, word.readers + 1)
}

test('the owner fills its overlays again and again while a snapshot is read', async () => {
  const root = mkdtempSync(join(tmpdir(), 'denizen-snapshot-'))
  const kind = createLogEngineKind({ clock: systemClock, random: systemRandom })
  const owner = await kind.open(root)
  const shared = owner.share() as SharedState
  const reader = await kind.attach(root, shared)
  try {
    const names = Array.from({ length: 50 }, (_, n) => `k${String(n).padStart(2, '0')}`)
    const commit = (text: string, padding = 0): Promise<void> =>
      owner.commit(
        names.map(name => ({ key: utf8(name), value: utf8(text + '.'.repeat(padding)) })),
      )
    await commit('first')
    const rows = reader.snapshot(everything)
    const before = [rows.next().value]
    assert.is(holders(shared), 0, 'nothing is held, though this turn goes on')
    const paddingBytes = 20_000
    const commits = Math.ceil((3 * limits.overlayBytesMax) / (names.length * paddingBytes))
    for (let n = 0; n < commits; n++) await commit('later', paddingBytes)
    const found = [...before, ...rows].map(row => [fromUtf8(row.key), fromUtf8(row.value)])
    assert.equal(
      found,
      names.map(name => [name, 'first']),
    )
    assert.is([...reader.snapshot(everything)].length, names.length)
  } finally {
    await reader.close()
    await owner.close()
    rmSync(root, { recursive: true, force: true })
  }
})

test.run()
