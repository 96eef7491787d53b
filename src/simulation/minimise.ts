/**
 * A failing run with as little in it as it needs to fail: first a shorter one, then one with fewer
 * disturbances (by halves, as delta debugging has it: Zeller and Hildebrandt, 2002).
 */
import type { Hasher } from '../model/hash.ts'
import type { Finding } from './checkers/finding.ts'
import type { Disturbance } from './disturbances.ts'
import { findingsOf } from './judge.ts'
import { type RunOptions, type RunResult, runSeed } from './run.ts'

export interface Minimised {
  readonly forMs: number
  readonly disturbances: readonly Disturbance[]
  readonly result: RunResult
  readonly findings: readonly Finding[]
}

const SHORTEST_MS = 2_000

/** Undefined where the run does not fail. `runsMax` bounds how long it tries. */
export async function minimise(
  { seed, forMs }: { readonly seed: number; readonly forMs: number },
  { hasher, runsMax }: { readonly hasher: Hasher; readonly runsMax: number },
): Promise<Minimised | undefined> {
  let runs = 0
  const attempt = async (options: Omit<RunOptions, 'hasher'>): Promise<Minimised | undefined> => {
    runs += 1
    const result = await runSeed({ ...options, hasher })
    const findings = findingsOf(result)
    if (findings.length === 0) return undefined
    return { forMs: options.forMs, disturbances: result.disturbances, result, findings }
  }
  let best = await attempt({ seed, forMs })
  if (!best) return undefined
  for (let shorter = forMs / 2; shorter >= SHORTEST_MS && runs < runsMax; shorter /= 2) {
    const disturbances = best.disturbances.filter(({ atMs }) => atMs < shorter)
    const found = await attempt({ seed, forMs: shorter, disturbances })
    if (!found) break
    best = found
  }
  for (let size = Math.ceil(best.disturbances.length / 2); size >= 1; ) {
    const found = await without(best, size, disturbances => {
      if (runs >= runsMax) return Promise.resolve(undefined)
      return attempt({ seed, forMs: best?.forMs ?? forMs, disturbances })
    })
    if (found) best = found
    else if (size === 1 || runs >= runsMax) return best
    else size = Math.ceil(size / 2)
  }
  return best
}

/** The first that still fails without `size` of the disturbances in a row. */
async function without(
  { disturbances }: Minimised,
  size: number,
  attempt: (fewer: readonly Disturbance[]) => Promise<Minimised | undefined>,
): Promise<Minimised | undefined> {
  for (let from = 0; from < disturbances.length; from += size) {
    const found = await attempt(disturbances.toSpliced(from, size))
    if (found) return found
  }
  return undefined
}
