/** A failing run for people: what went wrong with the world, and what its clients saw of it. */
import type { Disturbance } from '../../simulation/disturbances.ts'
import type { OperationRecord } from '../../simulation/history.ts'
import type { Minimised } from '../../simulation/minimise.ts'

/** Findings that are told in full. */
const FINDINGS_MAX = 3

export function failureText({ forMs, disturbances, result, findings }: Minimised): string {
  const lines = [`It still fails in ${forMs / 1_000} s, with ${disturbances.length} disturbances:`]
  for (const disturbance of disturbances) lines.push(`  ${disturbanceText(disturbance)}`)
  const { operations } = result.history
  for (const finding of findings.slice(0, FINDINGS_MAX)) {
    lines.push('', `${finding.invariant}: ${finding.message}`)
    for (const index of finding.operations) {
      const operation = operations[index]
      if (operation) lines.push(`  ${operationText(operation)}`)
    }
  }
  const more = findings.length - FINDINGS_MAX
  if (more > 0) lines.push('', `and ${more} more`)
  return lines.join('\n')
}

function disturbanceText({ atMs, forMs, kind, ...what }: Disturbance): string {
  const words = Object.entries(what).map(([name, value]) =>
    typeof value === 'number'
      ? `${name} ${value.toFixed(2)}`
      : typeof value === 'string'
        ? value
        : `${name} ${JSON.stringify(value)}`,
  )
  return `${Math.round(atMs)} ms: ${[kind, ...words].join(' ')}, for ${Math.round(forMs)} ms`
}

function operationText(record: OperationRecord): string {
  const { client, entry, dataset, operation, invokeMs, returnMs, result } = record
  const from = Math.round(invokeMs)
  const to = returnMs === null ? 'never' : Math.round(returnMs)
  return `${from}-${to} ms ${client} at ${entry}: ${dataset} ${JSON.stringify(operation)} -> ${JSON.stringify(result)}`
}
