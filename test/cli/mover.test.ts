/**
 * A move between partitions against two ends in memory: it is ended, refused, and written into at
 * every single step, and begun again.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CliError } from '../../src/cli/exit-codes.ts'
import { Journal } from '../../src/cli/move/journal.ts'
import { Mover } from '../../src/cli/move/mover.ts'
import { type Renaming, renaming } from '../../src/cli/move/names.ts'
import type { Receipt } from '../../src/receipts/receipt.ts'
import { dataset } from '../support/policies.ts'
import { MemoryGroup, passing } from './move-ends.ts'

const scratch = mkdtempSync(join(tmpdir(), 'denizen-mover-'))
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }))
let files = 0
/** More than a second attempt has. */
const LATE_STEPS = 30

const partition = (prefix: string, more = {}) => ({
  ...dataset(`tenants/${prefix}`, ['one']),
  ...{ name: 'tenants', prefix, groupBySegments: 2, ...more },
})
const named = (more = {}): Renaming =>
  renaming([partition('eu/'), partition('us/', more)], 'tenants', 'eu/a', 'us/')

interface Ends {
  readonly source: MemoryGroup
  readonly target: MemoryGroup
  readonly path: string
}

function endsWith(onCall: (what: string) => void = () => {}): Ends {
  const source = new MemoryGroup('eu/a', what => onCall(`source ${what}`))
  const target = new MemoryGroup('us/a', what => onCall(`target ${what}`))
  return { source, target, path: join(scratch, `${++files}`) }
}

async function move({ source, target, path }: Ends, names = named()): Promise<Receipt> {
  const journal =
    (await Journal.reopen(path, 'it')) ??
    (await Journal.begin(path, 'it', source.erasedTerm ?? null))
  const mover = new Mover({
    ...{ source, target, journal, renaming: names, holdMs: 5_000, nowMs: () => 1_000_000 },
    pause: async () => {},
    onProgress: () => {},
  })
  return await mover.run().finally(() => journal.close())
}

function fill({ source }: Ends, keys = 5): void {
  for (let n = 0; n < keys; n++) source.change(`eu/a/${n}`, { text: `v${n}` })
}

async function failureOf(task: Promise<unknown>): Promise<string> {
  const error = await task.catch((failed: unknown) => failed)
  return error instanceof CliError ? error.message : `no failure: ${error}`
}

/** How many steps a move has that nothing happens to. */
async function stepsOf(keys = 5): Promise<number> {
  let steps = 0
  const ends = endsWith(() => {
    steps += 1
  })
  fill(ends, keys)
  await move(ends)
  return steps
}

const assertMoved = ({ source, target }: Ends, contents: object, what: string): void => {
  assert.equal(source.contents(), {}, what)
  assert.is(source.movedTo, 'us/', what)
  assert.equal(target.contents(), contents, what)
}

test('a group is copied, verified and erased, and the receipt says what was copied', async () => {
  const ends = endsWith()
  fill(ends)
  ends.source.change('eu/a', { text: 'itself', mediaType: 'text/html', expiresAtMs: 1_060_000 })
  const { what } = await move(ends)
  assertMoved(
    ends,
    { '': 'itself', '/0': 'v0', '/1': 'v1', '/2': 'v2', '/3': 'v3', '/4': 'v4' },
    '',
  )
  const { mediaType, expiresAtMs } = ends.target.records.get('us/a') ?? {}
  assert.equal([mediaType, expiresAtMs], ['text/html', 1_060_000])
  assert.equal([what.to, what.group, what.records, what.bytes], ['us/', 'hash of us/a', 6, 16])
  assert.match(String(what.digest), /^[0-9a-f]{64}$/)
})

test('whatever step it dies at, before or after, the same move said again completes it', async () => {
  const steps = await stepsOf()
  assert.ok(steps > 20, `${steps}`)
  for (let last = 0; last < steps; last++) {
    let step = 0
    let isAlive = true
    const ends = endsWith(() => {
      if (isAlive && step++ >= last) throw new Error('killed')
    })
    fill(ends)
    const killed = await move(ends).catch((error: Error) => error.message)
    assert.is(killed, 'killed', `step ${last}`)
    isAlive = false
    if (ends.source.movedTo === undefined) {
      // Its home knows nothing of it: clients write on, once a hold is over.
      ends.source.isHeld = false
      ends.source.change('eu/a/0', undefined)
      ends.source.change('eu/a/1', { text: 'later' })
      ends.source.change('eu/a/9', { text: 'new' })
      await move(ends)
      const contents = { '/1': 'later', '/2': 'v2', '/3': 'v3', '/4': 'v4', '/9': 'new' }
      assertMoved(ends, contents, `step ${last}`)
    } else {
      const { what } = await move(ends)
      assert.is(what.records, 5)
      const contents = { '/0': 'v0', '/1': 'v1', '/2': 'v2', '/3': 'v3', '/4': 'v4' }
      assertMoved(ends, contents, `step ${last}`)
    }
  }
})

test('a write at any step is refused, or in the copy; a failure at any step is passed over', async () => {
  const steps = await stepsOf()
  for (const [forgets, fails] of [0, 1, 2, 3].map(n => [n % 2 === 1, n > 1])) {
    for (let at = 0; at < steps; at++) {
      let step = 0
      const expected: Record<string, string> = {
        ...{ '/0': 'v0', '/1': 'v1', '/2': 'v2', '/3': 'v3', '/4': 'v4' },
      }
      const ends = endsWith(() => {
        if (step++ !== at) return
        // A home that is killed forgets that it holds writes.
        if (forgets) ends.source.isHeld = false
        if (ends.source.change('eu/a/1', { text: 'written' })) expected['/1'] = 'written'
        if (ends.source.change('eu/a/3', undefined)) delete expected['/3']
        if (ends.source.change('eu/a/7', { text: 'new' })) expected['/7'] = 'new'
        if (fails) throw passing()
      })
      fill(ends)
      const { what } = await move(ends)
      assertMoved(ends, expected, `step ${at}`)
      assert.is(what.records, Object.keys(expected).length)
    }
  }
})

test('an erasure that comes late, at any step of what was tried next, is found; the copy stays', async () => {
  const landed = new Set<string>()
  for (const forgets of [false, true]) {
    for (let at = 0; at < LATE_STEPS; at++) {
      let step = -1
      const ends = endsWith(what => {
        if (what === 'source before erase' && step < 0) step = 0
        if (step < 0 || step++ !== at + 1) return
        if (forgets) ends.source.isHeld = false
        ends.source.landErasure()
        if (ends.source.movedTo !== undefined) landed.add(what)
      })
      ends.source.isLate = true
      fill(ends)
      const { what } = await move(ends)
      const contents = { '/0': 'v0', '/1': 'v1', '/2': 'v2', '/3': 'v3', '/4': 'v4' }
      assertMoved(ends, contents, `step ${at}`)
      assert.is(what.records, 5)
    }
  }
  // It has come amid the list of the attempt after it.
  assert.ok(landed.has('source after page'), [...landed].join())
})

test('a write that comes late, at any step, or when all is over, brings nothing back', async () => {
  let landed = 0
  for (const dies of [false, true]) {
    for (const late of [1, 2]) {
      for (let at = 0; at < LATE_STEPS; at++) {
        const what = `${dies ? 'run' : 'write'} ${late}, step ${at}`
        let writes = 0
        let step = -1
        let isDying = false
        const ends = endsWith(call => {
          if (isDying) throw new Error('killed')
          if (step >= 0 && step++ === at) {
            ends.target.landWrites()
            landed += 1
          }
          if (call === 'target after write' && step < 0) {
            ends.source.change('eu/a/5', { text: 'v5' })
          }
          if (call !== 'target before write' || ++writes !== late) return
          ends.target.isWriteLate = true
          // What it was to write is deleted, or another, by the time that it is tried again.
          step = 0
          ends.source.isHeld = false
          for (const n of [0, 2, 4, 5]) ends.source.change(`eu/a/${n}`, undefined)
          ends.source.change('eu/a/1', { text: 'other' })
          isDying = dies
        })
        fill(ends)
        if (at % 2 === 0) ends.source.change('eu/a', { text: 'itself' })
        if (dies) {
          const killed = await move(ends).catch((error: Error) => error.message)
          assert.is(killed, 'killed', what)
          isDying = false
        }
        await move(ends)
        ends.target.landWrites()
        const itself = at % 2 === 0 ? { '': 'itself' } : {}
        assertMoved(ends, { ...itself, '/1': 'other', '/3': 'v3' }, what)
      }
    }
  }
  assert.ok(landed > LATE_STEPS, `${landed}`)
})

test('a group that is written faster than it is copied says so, and is whole', async () => {
  let n = 0
  const ends = endsWith(what => {
    // Holds are forgotten at once.
    ends.source.isHeld = false
    if (what === 'source before erase') ends.source.change('eu/a/1', { text: `${n++}` })
  })
  fill(ends)
  assert.match(await failureOf(move(ends)), 'was written each time')
  assert.is(Object.keys(ends.source.contents()).length, 5)
  assert.is(ends.source.movedTo, undefined)
})

test('what others write to the new name is not touched, and stops the move', async () => {
  for (const when of ['source before page', 'target before write', 'target after write']) {
    let isDone = false
    const ends = endsWith(what => {
      if (what !== when || isDone) return
      isDone = true
      ends.target.change('us/a/1', { text: 'of others' })
    })
    fill(ends)
    assert.match(await failureOf(move(ends)), 'somebody else writes us/a', when)
    assert.is(ends.target.records.get('us/a/1')?.text, 'of others', when)
    assert.is(Object.keys(ends.source.contents()).length, 5, when)
  }
})

test('an erasure by somebody else is no move', async () => {
  let isDone = false
  const ends = endsWith(what => {
    if (what !== 'target after write' || isDone) return
    isDone = true
    ends.source.eraseByHand()
  })
  fill(ends)
  assert.match(await failureOf(move(ends)), 'was erased meanwhile, and not by this move')
  assert.is(ends.source.movedTo, undefined)
})

test('what does not come back ends it, and says that nothing is lost', async () => {
  const ends = endsWith(what => {
    if (what === 'target before write') throw passing()
  })
  fill(ends)
  const failure = await move(ends).catch((error: unknown) => error)
  assert.ok(failure instanceof CliError)
  assert.match(failure.action ?? '', 'No write is lost, and the same command goes on')
})

test('a partition in which values have a life takes none that stay', async () => {
  const ends = endsWith()
  fill(ends)
  assert.match(await failureOf(move(ends, named({ ttlMs: 1_000 }))), 'have a life by its policy')
  assert.equal(ends.target.contents(), {})
})

test('a name from which a group has gone away is free for one that comes', async () => {
  const ends = endsWith()
  fill(ends)
  ends.target.movedTo = 'jp/'
  await move(ends)
  assert.is(Object.keys(ends.target.contents()).length, 5)
})

test.run()
