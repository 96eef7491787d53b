/** What became of messages, by type, and whether that was enough of each. */
import { HITS_WANTED, thinCells } from '../../simulation/coverage.ts'
import { type FateCounts, type FaultKind, faultKinds } from '../../simulation/fates.ts'
import { cells, isPossible, messageTypes } from '../../simulation/message-types.ts'
import { formatTable } from '../table.ts'
import type { Terminal } from '../terminal.ts'

export function showFates(terminal: Terminal, fates: FateCounts): void {
  const types = [...new Set([...messageTypes, ...Object.keys(fates)])]
  const rows = types.map(message => {
    const counted = fates[message]
    const of = (fault: FaultKind): string =>
      isPossible({ message, fault }) ? `${counted?.[fault] ?? 0}` : '-'
    return [message, `${counted?.sent ?? 0}`, ...faultKinds.map(of)]
  })
  terminal.line(formatTable(terminal.colors, ['message', 'sent', ...faultKinds], rows))
  terminal.line()
  terminal.line(thinText(fates))
}

/** In one line: which types of messages suffered which kinds of faults too seldom. */
export function thinText(fates: FateCounts): string {
  const thin = thinCells(fates)
  const wanted = `message × fault: ${cells.length}, each at least ${HITS_WANTED} times`
  if (thin.length === 0) return `${wanted}: all of them`
  const byMessage = Map.groupBy(thin, ({ message }) => message)
  const names = [...byMessage].map(([message, of]) => {
    const faults = of.map(({ fault, hits }) => `${fault} ${hits}`)
    return `${message} (${faults.join(', ')})`
  })
  return `${wanted}: ${thin.length} fewer: ${names.join('; ')}`
}
