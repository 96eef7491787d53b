/**
 * After healing, when all is quiet: all copies that the policy permits are equal, and no other is.
 */
import type { CopyRow, DurableState, PolicyInForce } from '../observations.ts'
import { nameOf } from './call.ts'
import { type Finding, Findings } from './finding.ts'

export function checkConvergence(policy: PolicyInForce, state: DurableState): readonly Finding[] {
  const findings = new Findings('convergence')
  for (const [dataset, { store }] of policy.datasets) {
    const copies = [...state.regions].map(([region, rows]) => ({
      region,
      rows: contentsOf(rows, dataset, state.tombstonesCollected),
    }))
    for (const { region, rows } of copies) {
      if (!store.has(region) && rows.size > 0) {
        findings.add(`${region} may not store ${dataset}, and has ${rows.size} rows of it`)
      }
    }
    const [first, ...others] = copies.filter(({ region }) => store.has(region))
    if (!first) continue
    for (const other of others) {
      for (const name of new Set([...first.rows.keys(), ...other.rows.keys()])) {
        const [here, there] = [first.rows.get(name), other.rows.get(name)]
        if (here === there) continue
        findings.add(
          `${name}: ${first.region} has ${here ?? 'nothing'}, ` +
            `${other.region} has ${there ?? 'nothing'}`,
        )
      }
    }
  }
  return findings.all
}

/** What a collected tombstone was, is as good as nothing. */
const contentsOf = (
  rows: readonly CopyRow[],
  dataset: string,
  withoutTombstones: boolean,
): ReadonlyMap<string, string> =>
  new Map(
    rows
      .filter(row => row.dataset === dataset && !(withoutTombstones && row.value === null))
      .map(({ key, version, value }) => [
        nameOf(dataset, key),
        `${value ?? 'a tombstone'} (${version})`,
      ]),
  )
