/** Tables for people: aligned columns, no frames, so that they can be copied and grepped. */
import Table from 'cli-table3'
import type { Colors } from './terminal.ts'

const noFrame = {
  ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '' },
  ...{ bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '' },
  ...{ left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '' },
  middle: '  ',
}

export function formatTable(
  colors: Colors,
  head: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string {
  const table = new Table({
    chars: noFrame,
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  })
  table.push(
    head.map(text => colors.dim(text)),
    ...rows.map(row => [...row]),
  )
  return table
    .toString()
    .split('\n')
    .map(line => line.trimEnd())
    .join('\n')
}
