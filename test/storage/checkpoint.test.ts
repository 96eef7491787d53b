/** What a checkpoint gives LMDB to write, and how it counts what it has done. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { utf8 } from '../../src/model/bytes.ts'
import type { Changes, Engine } from '../../src/storage/engine.ts'
import { Checkpoint } from '../../src/storage/log/checkpoint.ts'
import { OverlayOwner } from '../../src/storage/log/overlay-owner.ts'
import { createOverlayMemory } from '../../src/storage/log/overlays.ts'
import { PackedRows } from '../../src/storage/packed-rows.ts'
import { seededRandom } from '../support/seeded-random.ts'

const checkpoints = suite('checkpoint')

type Step = readonly [name: string, value: string | null, kind?: 'new']

function start() {
  const owner = new OverlayOwner(createOverlayMemory(seededRandom(1)))
  let commits = 0
  return {
    owner,
    commit(...steps: readonly Step[]): void {
      const rows = new PackedRows()
      for (const [name, value, kind] of steps) {
        const [key, bytes] = [utf8(name), utf8(value ?? '')]
        if (kind !== 'new') {
          rows.append(key, value === null ? null : bytes)
          continue
        }
        const at = rows.begin(key.length + bytes.length)
        rows.bytes.set(key, at)
        rows.bytes.set(bytes, at + key.length)
        rows.putNew(at + key.length, at + key.length + bytes.length)
      }
      commits += 1
      owner.insert(owner.active, rows, commits)
      owner.publish(commits)
    },
    /** Freezes, writes, drops. Returns what LMDB was given. */
    async checkpoint(): Promise<string[]> {
      const given: string[] = []
      const base = {
        commit: async (changes: Changes) => {
          for (const { key, value } of changes) {
            given.push(`${Buffer.from(key)}=${value && Buffer.from(value)}`)
          }
        },
      }
      owner.freeze()
      const checkpoint = new Checkpoint(base as unknown as Engine, owner.frozenRows())
      assert.is(await checkpoint.run(), true)
      assert.is(checkpoint.progress, 1)
      await owner.drop()
      return given
    },
  }
}

checkpoints('each row once, in order, as its last change left it', async () => {
  const { commit, checkpoint } = start()
  commit(['b', '1'], ['a', '1'])
  commit(['b', '2'], ['c', null])
  commit(['a', null], ['a', '3'])
  assert.equal(await checkpoint(), ['a=3', 'b=2', 'c=null'])
})

checkpoints('a row that has come and gone meanwhile is no work for LMDB', async () => {
  const { commit, checkpoint } = start()
  commit(['gone', '1', 'new'], ['stays', '1', 'new'], ['older', '1'])
  commit(['gone', null], ['older', null], ['back', '1', 'new'])
  commit(['back', null])
  commit(['back', '2'])
  assert.equal(await checkpoint(), ['back=2', 'older=null', 'stays=1'])
  commit(['stays', null])
  assert.equal(await checkpoint(), ['stays=null'], 'LMDB has it by now')
})

checkpoints('a row keeps its key and its value in spite of the mark', async () => {
  const { owner, commit } = start()
  commit(['new', '1', 'new'])
  assert.equal(owner.peek(owner.phase, utf8('new')), utf8('1'))
  const everything = { from: Uint8Array.of(0), to: Uint8Array.of(0xff), reverse: false }
  const [rows] = owner.ranges(owner.phase, owner.visible, everything)
  assert.equal([...(rows ?? [])], [{ key: utf8('new'), value: utf8('1') }])
})

checkpoints.run()
