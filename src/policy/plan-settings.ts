/** Settings of a dataset that change without a right of any region: no copy moves for them. */
import { formatDuration } from '../model/duration.ts'
import type { PlacementData } from '../model/placement.ts'
import { homingText } from './report.ts'

/** Told by rights, or refused, or what follows from others. */
const toldElsewhere: ReadonlySet<string> = new Set([
  ...['id', 'name', 'prefix', 'slots', 'groupBySegments', 'forbidden'],
  ...['home', 'store', 'serve'],
  // Of the cluster, not of the file.
  ...['claimed', 'left', 'since', 'changing'],
])

const texts: Readonly<Record<string, (placement: PlacementData) => string>> = {
  homing: ({ homing }) => homingText(homing),
  anywhere: ({ anywhere }) => (anywhere ? 'anywhere' : 'bounded (replies are not cached)'),
  law: ({ law }) => law.join(', ') || 'none',
  acks: ({ acks }) => `${acks ?? 1}`,
  ttlMs: ({ ttlMs }) => (ttlMs === undefined ? 'none' : formatDuration(ttlMs)),
}

const names: Readonly<Record<string, string>> = { anywhere: 'residency', ttlMs: 'ttl' }

/** One line for each: also for settings that came into the language later. */
export function settingChanges(from: PlacementData, to: PlacementData): string[] {
  return [...new Set([...Object.keys(from), ...Object.keys(to)])]
    .filter(name => !toldElsewhere.has(name))
    .flatMap(name => {
      const [before, after] = [textOf(from, name), textOf(to, name)]
      return before === after ? [] : [`${names[name] ?? name}: ${before} → ${after}`]
    })
}

function textOf(placement: PlacementData, name: string): string {
  const text = texts[name]
  if (text) return text(placement)
  const value: unknown = Object.entries(placement).find(([key]) => key === name)?.[1]
  if (value === undefined) return 'none'
  return typeof value === 'string' ? value : JSON.stringify(value)
}
