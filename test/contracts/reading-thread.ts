/**
 * A thread that reads along while another one commits, until it is told to stop. It sees commits
 * whole, each at the latest when it was acknowledged, never one that has not begun, and never an
 * older one than any thread saw before.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../../src/runtime/clock.ts'
import { systemRandom } from '../../src/runtime/random.ts'
import type { AttachedReader, EngineKind } from '../../src/storage/engine.ts'
import { lmdbEngine } from '../../src/storage/lmdb-engine.ts'
import { createLogEngineKind } from '../../src/storage/log-engine.ts'
import { end, type ReadingOrder, type ReadingReport, words } from './reading-along.ts'

const { kind, directory, shared, progress } = workerData as ReadingOrder
const kinds: Record<ReadingOrder['kind'], EngineKind> = {
  lmdb: lmdbEngine,
  log: createLogEngineKind({ clock: systemClock, random: systemRandom }),
}
const everything = { from: Uint8Array.of(1), to: end }

function numberIn(value: Uint8Array): number {
  return new DataView(value.buffer).getUint32(0)
}

/** The commit that was read; 0 before the first one. */
function readByRange(reader: AttachedReader, reverse: boolean): number {
  const numbers = [...reader.range({ ...everything, reverse })].map(row => numberIn(row.value))
  const [first = 0] = numbers
  if (!numbers.every(number => number === first)) throw new Error(`a part of a commit: ${numbers}`)
  return first
}

function readByKey(reader: AttachedReader): number {
  const value = reader.get(Uint8Array.of(1, 0))
  return value === undefined ? 0 : numberIn(value)
}

/** By key, by range and by key again: all must be of one commit. */
function readAtOnce(reader: AttachedReader): number {
  return reader.atOnce(() => {
    const [first] = reader.range({ ...everything, limit: 1 })
    if (first === undefined) return 0
    const seen = [numberIn(first.value), readByRange(reader, true), readByKey(reader)]
    const [last] = reader.range({ ...everything, reverse: true, limit: 1 })
    const again = last && reader.get(last.key)
    if (again) seen.push(numberIn(again))
    const [number = 0] = seen
    if (seen.some(other => other !== number)) throw new Error(`states of one read: ${seen}`)
    return number
  })
}

let kept: { stamp: number; number: number } | undefined

/** Nothing is read where the stamp says that it would be what was read last. */
function readByStamp(reader: AttachedReader): number {
  const stamp = reader.stamp()
  if (kept?.stamp === stamp) return kept.number
  const number = readByKey(reader)
  kept = reader.stamp() === stamp ? { stamp, number } : undefined
  return number
}

const ways = [
  readByKey,
  (reader: AttachedReader) => readByRange(reader, true),
  (reader: AttachedReader) => readByRange(reader, false),
  readAtOnce,
  readByStamp,
  readByStamp,
]

function note(seen: number): void {
  for (;;) {
    const before = Atomics.load(progress, words.seen)
    if (before >= seen) return
    if (Atomics.compareExchange(progress, words.seen, before, seen) === before) return
  }
}

function readOnce(reader: AttachedReader, turn: number): number {
  const least = Math.max(
    Atomics.load(progress, words.committed),
    Atomics.load(progress, words.seen),
  )
  const number = ways[turn % ways.length]?.(reader) ?? 0
  const most = Atomics.load(progress, words.begun)
  if (number < least) throw new Error(`commit ${number} after ${least}`)
  if (number > most) throw new Error(`commit ${number} before it began`)
  note(number)
  return number
}

async function readAlong(): Promise<ReadingReport> {
  const reader = await kinds[kind].attach(directory, shared)
  Atomics.add(progress, words.ready, 1)
  const states = new Set<number>()
  try {
    for (let turn = 0; Atomics.load(progress, words.isOver) === 0; turn++) {
      states.add(readOnce(reader, turn))
      // Some turns hold many reads, some one.
      if (turn % 5 === 0) await new Promise(setImmediate)
    }
    return { states: states.size, problem: undefined }
  } catch (error) {
    return { states: states.size, problem: `${error}` }
  } finally {
    await reader.close()
  }
}

parentPort?.postMessage(await readAlong())
