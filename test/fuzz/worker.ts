/**
 * Runs the cases of one target: those that once failed, then generated ones, each drawn from a seed
 * of its own, so that it can be run again without those before it.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { seededRandom } from '../support/seeded-random.ts'
import type { Finding, Task } from './drive.ts'
import { bytesOfCase, keptCases } from './kept-cases.ts'
import { minimise } from './minimise.ts'
import type { FuzzTarget } from './target.ts'
import { targets } from './targets.ts'

// `drive` made it of this type.
const { name, seed, first, count, progress } = workerData as Task
const counters = new Int32Array(progress)

/** A case under way is counted before it begins, for the watchdog. */
async function failureOf(target: FuzzTarget, input: Uint8Array): Promise<Error | undefined> {
  Atomics.add(counters, 0, 1)
  try {
    await target.check(input)
    return undefined
  } catch (error) {
    return error instanceof Error ? error : new Error(`thrown: ${typeof error}`)
  }
}

/** Failures of one kind: numbers in their texts are of the case. */
const kindOf = (error: Error): string => `${error.name} ${error.message}`.replace(/\d+/g, '#')

async function finding(
  target: FuzzTarget,
  found: { readonly input: Uint8Array; readonly index: number; readonly failure: Error },
): Promise<Finding> {
  const { input, index, failure } = found
  const wanted = kindOf(failure)
  const smallest = await minimise(input, async candidate => {
    const other = await failureOf(target, candidate)
    return other !== undefined && kindOf(other) === wanted
  })
  return { index, why: failure.stack ?? failure.message, input: smallest }
}

async function run(target: FuzzTarget): Promise<Finding | undefined> {
  const kept = keptCases(name).map(bytesOfCase)
  for (let at = -kept.length; at < count; at++) {
    const index = at < 0 ? at : first + at
    Atomics.store(counters, 1, index)
    const input = kept[at + kept.length] ?? target.generate(caseRandom(index))
    const failure = await failureOf(target, input)
    if (failure) return await finding(target, { input, index, failure })
  }
  return undefined
}

const caseRandom = (index: number) =>
  seededRandom(Math.imul(seed, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b))

const { load } = targets[name] ?? {}
if (!load) throw new Error(`there is no target ${name}`)
const target = await (await load()).open()
const found = await run(target)
await target.close?.()
parentPort?.postMessage(found)
