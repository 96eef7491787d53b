/** What comparisons of copies have come to, for Prometheus. */
import type { Family, Sample } from '../metrics/family.ts'
import type { ScrubReport } from '../routing/scrub-report.ts'

export const comparisonFamilies = (counts: ScrubReport['comparisons']): Family[] => {
  const { same, different, apart, walked, repaired, removed, conflicting, unproven } = counts
  return [
    counters(
      'denizen_compared_slots_total',
      "Slots whose digests were compared with another region's; apart: not at the same place.",
      Object.entries({ same, different, apart }).map(sampleOf('outcome')),
    ),
    counters('denizen_walked_slots_total', 'Slots that were compared record by record.', [
      { labels: {}, value: walked },
    ]),
    counters(
      'denizen_differing_records_total',
      'Records of copies that differed; conflicting or unproven ones each time they are met.',
      Object.entries({ repaired, removed, conflicting, unproven }).map(sampleOf('outcome')),
    ),
  ]
}

const sampleOf =
  (label: string) =>
  ([name, value]: [string, number]): Sample => ({ labels: { [label]: name }, value })

const counters = (name: string, help: string, values: readonly Sample[]): Family => ({
  ...{ name, help, values },
  ...{ type: 'counter', aggregator: 'sum' },
})
