/**
 * A strict reader of Prometheus' text format, version 0.0.4: each family has one HELP and one TYPE
 * before its samples and stands in one piece, no series occurs twice, histograms are cumulative and
 * end in +Inf. Throws where the text differs from that.
 */
export interface Series {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export class Scrape {
  readonly types = new Map<string, string>()
  readonly series: readonly Series[]

  constructor(text: string) {
    if (!text.endsWith('\n')) throw new Error('the last line does not end')
    const helped = new Set<string>()
    const seen = new Set<string>()
    const series: Series[] = []
    let family = ''
    for (const line of text.split('\n')) {
      if (line === '') continue
      const comment = /^# (HELP|TYPE) ([a-zA-Z_:][\w:]*) (.+)$/.exec(line)
      if (comment) {
        const [, what, name = '', rest = ''] = comment
        if (what === 'HELP') {
          if (helped.has(name)) throw new Error(`${name} begins twice`)
          helped.add(name)
          family = name
        } else {
          if (family !== name || this.types.has(name)) throw new Error(`a stray TYPE of ${name}`)
          if (!/^(counter|gauge|histogram|summary)$/.test(rest)) throw new Error(`TYPE ${rest}`)
          this.types.set(name, rest)
        }
        continue
      }
      const one = parseSample(line)
      if (this.#familyOf(one.name) !== family) throw new Error(`${one.name} outside its family`)
      const identity = `${one.name} ${JSON.stringify(Object.entries(one.labels).sort())}`
      if (seen.has(identity)) throw new Error(`twice: ${identity}`)
      seen.add(identity)
      series.push(one)
    }
    this.series = series
    this.#checkHistograms()
  }

  #familyOf(name: string): string {
    if (this.types.has(name)) return name
    const histogram = name.replace(/_(bucket|sum|count)$/, '')
    return /^(histogram|summary)$/.test(this.types.get(histogram) ?? '') ? histogram : name
  }

  #checkHistograms(): void {
    const buckets = this.series.filter(({ labels }) => labels.le !== undefined)
    const byDistribution = Map.groupBy(buckets, ({ name, labels: { le: _, ...labels } }) =>
      JSON.stringify([name, labels]),
    )
    for (const [identity, some] of byDistribution) {
      const bounds = some.map(({ labels }) => toNumber(labels.le ?? ''))
      const [name, labels] = JSON.parse(identity)
      const [count] = this.all(name.replace('_bucket', '_count'), labels)
      const isRising = (numbers: readonly number[]): boolean =>
        numbers.every((value, index) => index === 0 || value >= (numbers[index - 1] as number))
      const whole =
        bounds.at(-1) === Number.POSITIVE_INFINITY && some.at(-1)?.value === count?.value
      if (!whole || !isRising(bounds) || !isRising(some.map(({ value }) => value))) {
        throw new Error(`${identity} is no histogram`)
      }
    }
  }

  /** Series of this name that have these labels among theirs. */
  all(name: string, labels: Readonly<Record<string, string>> = {}): Series[] {
    return this.series.filter(
      one =>
        one.name === name &&
        Object.entries(labels).every(([label, value]) => one.labels[label] === value),
    )
  }

  /** Their sum; 0 where there is none. */
  sum(name: string, labels: Readonly<Record<string, string>> = {}): number {
    return this.all(name, labels).reduce((sum, { value }) => sum + value, 0)
  }
}

function parseSample(line: string): Series {
  const found = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line)
  if (!found) throw new Error(`no sample: ${line}`)
  const [, name = '', inBraces = '', value = ''] = found
  const labels: Record<string, string> = {}
  let rest = inBraces
  while (rest !== '') {
    const pair = /^([a-zA-Z_]\w*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,(?=.)|$)/.exec(rest)
    if (!pair) throw new Error(`no labels: ${line}`)
    const [whole, label = '', text = ''] = pair
    if (label in labels) throw new Error(`a label twice: ${line}`)
    labels[label] = text.replace(/\\(.)/g, (_, c) => (c === 'n' ? '\n' : c))
    rest = rest.slice(whole.length)
  }
  return { name, labels, value: toNumber(value) }
}

function toNumber(text: string): number {
  if (text === '+Inf') return Number.POSITIVE_INFINITY
  if (text === 'NaN') return Number.NaN
  if (!/^[+-]?\d+(\.\d+)?(e[+-]?\d+)?$/.test(text)) throw new Error(`no number: ${text}`)
  return Number(text)
}
