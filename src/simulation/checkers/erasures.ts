/**
 * E: a region that has confirmed an erasure has no byte of the group on its disk, and nothing
 * brings it back; and every region comes to confirm it.
 */
import type { ErasureSight } from '../observations.ts'
import { type Finding, Findings } from './finding.ts'

export function checkErasures(sights: Iterable<ErasureSight>): readonly Finding[] {
  const findings = new Findings('E')
  for (const { dataset, group, region, rows, atMs } of sights) {
    if (rows === undefined) {
      findings.add(`${region} has not confirmed the erasure of ${group} of ${dataset} by the end`)
    } else if (rows > 0) {
      const what = `${rows} rows that name ${group} of ${dataset}, at ${Math.round(atMs)} ms`
      findings.add(`${region} has confirmed an erasure, and has ${what}`)
    }
  }
  return findings.all
}
