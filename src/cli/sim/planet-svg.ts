/** The planet's report as a chart: what strategies take in all, and where users are. */
import type { PlanetReport, StrategyId, StrategyReport } from '../../simulation/planet/report.ts'
import { strategyNames, verdicts } from './planet-table.ts'

const colors: Readonly<Record<StrategyId, string>> = {
  homing: '#1d4ed8',
  'homing-fixed': '#60a5fa',
  'global-primary': '#dc2626',
  'hash-homes': '#d97706',
  'majority-quorum': '#7e22ce',
  perfect: '#15803d',
  'every-write-local': '#64748b',
}
const [ink, faint, nearest] = ['#0f172a', '#e2e8f0', '#cbd5e1']

const width = 960
/** Where names end and milliseconds begin. */
const left = 190
const right = 40
const [barRow, dotRow] = [40, 26]

export function planetSvg(report: PlanetReport): string {
  const { strategies, regions, parameters, writes, seed } = report
  const bars = { top: 96, height: strategies.length * barRow }
  const dots = { top: bars.top + bars.height + 110, height: regions.length * dotRow }
  const height = dots.top + dots.height + 96
  const barScale = scaleTo(Math.max(...strategies.map(({ latency }) => latency.p99Ms)))
  const means = strategies.flatMap(({ byRegion }) => Object.values(byRegion).map(it => it.meanMs))
  const dotScale = scaleTo(Math.max(...means))
  const said =
    `${parameters.users} users of the world's cities, ${writes} writes, ${regions.length} regions; ` +
    `locality ${parameters.locality}, travellers ${parameters.travellers}, ` +
    `re-homing after ${parameters.rehomeAfter}, seed ${seed}`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" ` +
      `width="${width}" height="${height}" font-family="system-ui, sans-serif" font-size="13">`,
    '<title>Write latency of ways to place groups, in all and by region</title>',
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    text(24, 34, 'Write latency from a device and back', { size: 18, bold: true }),
    text(24, 56, said),
    text(
      24,
      76,
      'Bar: mean (grey: the way to the nearest region). Line: to p99, with a mark at p90.',
    ),
    ...axis(barScale, bars),
    ...strategies.flatMap((strategy, n) => bar(strategy, bars.top + n * barRow, barScale)),
    text(24, dots.top - 34, 'Mean by the region where writes enter', { size: 15, bold: true }),
    ...legend(strategies, dots.top - 14),
    ...axis(dotScale, dots),
    ...regions.flatMap(({ id }, n) => dotsOf(id, strategies, dots.top + n * dotRow, dotScale)),
    ...verdicts(report).map((line, n) => text(24, height - 34 + n * 18, line)),
    '</svg>',
    '',
  ].join('\n')
}

interface Scale {
  readonly x: (ms: number) => number
  readonly ticks: readonly number[]
}

/** From 0 to the maximum, with at most ten round ticks. */
function scaleTo(maxMs: number): Scale {
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500].find(one => maxMs / one <= 10) ?? 1_000
  const endMs = Math.ceil(maxMs / step) * step
  const ticks = Array.from({ length: endMs / step + 1 }, (_, n) => n * step)
  return { x: ms => left + (ms / endMs) * (width - left - right), ticks }
}

interface Band {
  readonly top: number
  readonly height: number
}

const axis = ({ x, ticks }: Scale, { top, height }: Band): readonly string[] =>
  ticks.flatMap((ms, n) => [
    line(x(ms), top, x(ms), top + height, faint),
    text(x(ms), top + height + 16, n === ticks.length - 1 ? `${ms} ms` : `${ms}`, {
      anchor: 'middle',
    }),
  ])

function bar(
  { id, latency, beyondEntryMs }: StrategyReport,
  top: number,
  { x }: Scale,
): readonly string[] {
  const { meanMs, p50Ms, p90Ms, p99Ms } = latency
  const middle = top + barRow / 2 - 4
  const wayMs = meanMs - beyondEntryMs
  const figures = [meanMs, p50Ms, p90Ms, p99Ms].map(ms => ms.toFixed(0))
  return [
    text(24, middle + 2, strategyNames[id]),
    text(24, middle + 16, `mean ${figures[0]}, p50 ${figures[1]}, p90 ${figures[2]}`, { size: 10 }),
    rect(x(0), middle - 8, x(wayMs) - x(0), 16, nearest),
    rect(x(wayMs), middle - 8, x(meanMs) - x(wayMs), 16, colors[id]),
    line(x(meanMs), middle, x(p99Ms), middle, colors[id]),
    line(x(p90Ms), middle - 5, x(p90Ms), middle + 5, colors[id]),
    line(x(p99Ms), middle - 8, x(p99Ms), middle + 8, colors[id]),
  ]
}

function dotsOf(
  region: string,
  strategies: readonly StrategyReport[],
  top: number,
  { x, ticks }: Scale,
): readonly string[] {
  const middle = top + dotRow / 2
  const measured = strategies.filter(({ byRegion }) => (byRegion[region]?.writes ?? 0) > 0)
  return [
    text(24, middle + 4, region),
    line(x(0), middle, x(ticks.at(-1) ?? 0), middle, faint),
    ...measured.map(
      ({ id, byRegion }) =>
        `<circle cx="${fixed(x(byRegion[region]?.meanMs ?? 0))}" cy="${middle}" r="5" ` +
        `fill="${colors[id]}" stroke="#ffffff"/>`,
    ),
  ]
}

/** About, in the font that most systems have. */
const charWidth = 6.4

function legend(strategies: readonly StrategyReport[], y: number): readonly string[] {
  let x = 30
  return strategies.flatMap(({ id }) => {
    const name = strategyNames[id]
    const dot = `<circle cx="${fixed(x)}" cy="${y - 4}" r="5" fill="${colors[id]}"/>`
    const label = text(x + 10, y, name, { size: 12 })
    x += 28 + name.length * charWidth
    return [dot, label]
  })
}

interface TextStyle {
  readonly size?: number
  readonly bold?: boolean
  readonly anchor?: 'middle'
}

function text(x: number, y: number, content: string, style: TextStyle = {}): string {
  const attributes = [
    `x="${fixed(x)}" y="${fixed(y)}" fill="${ink}"`,
    ...(style.size === undefined ? [] : [`font-size="${style.size}"`]),
    ...(style.bold ? ['font-weight="600"'] : []),
    ...(style.anchor ? [`text-anchor="${style.anchor}"`] : []),
  ]
  return `<text ${attributes.join(' ')}>${escaped(content)}</text>`
}

const line = (x1: number, y1: number, x2: number, y2: number, stroke: string): string =>
  `<line x1="${fixed(x1)}" y1="${fixed(y1)}" x2="${fixed(x2)}" y2="${fixed(y2)}" stroke="${stroke}"/>`

const rect = (x: number, y: number, w: number, h: number, fill: string): string =>
  `<rect x="${fixed(x)}" y="${fixed(y)}" width="${fixed(Math.max(0, w))}" height="${h}" fill="${fill}"/>`

/** Short, and the same on every machine. */
const fixed = (value: number): string => `${Math.round(value * 10) / 10}`

const escaped = (content: string): string =>
  content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
