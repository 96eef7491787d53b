/**
 * Truthful errors: what a reply called not applied is never seen, and what is seen was written by
 * somebody. (What a reply called applied counts as written in all other checks.)
 */
import type { Facts } from './facts.ts'
import { type Finding, Findings } from './finding.ts'

export function checkTruth(facts: Facts): readonly Finding[] {
  const findings = new Findings('truthful errors')
  for (const { operation, name, value } of facts.sightings) {
    if (value === undefined) continue
    const saw = `operation ${operation} saw ${value} under ${name}`
    const origin = facts.originOf(value)
    if (origin?.name === name) continue
    const refused = facts.refusalOf(value)
    if (origin) {
      findings.add(`${saw}; it was written to ${origin.name}`, operation, ...origin.call.operations)
    } else if (refused === undefined) findings.add(`${saw}, which nobody wrote`, operation)
    else {
      const text = `${saw}, but operation ${refused} was told that it was not applied`
      findings.add(text, operation, refused)
    }
  }
  return findings.all
}
