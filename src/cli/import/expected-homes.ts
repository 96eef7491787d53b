/**
 * Where the groups of an import would get their homes: asked before anything is written, because a
 * group stays where its first write put it, unless it is moved.
 */
import { z } from 'zod'
import type { ClusterView } from '../../routing/service.ts'
import { CliError } from '../exit-codes.ts'
import { askData } from '../http-client.ts'
import { keyPath } from '../key-target.ts'
import { guessHomeBy } from './home-by.ts'
import type { ImportRecord } from './records.ts'
import { increment } from './tally.ts'

export interface ExpectedHomesOptions {
  readonly url: string
  readonly dataset: string
  readonly view: ClusterView
  readonly hintFor: (record: ImportRecord) => string | undefined
  /** Whether the hints come from `--home-by`. */
  readonly isHinted: boolean
}

const sampleRecords = 1_000
const askedRecords = 40
/** More than this in one region is hardly what somebody with several regions wants. */
const shareMax = 0.95

/** Gives the records on as they come, after `look` has seen the first of them. */
export async function* withSample(
  records: AsyncIterable<readonly ImportRecord[]>,
  look: (sample: readonly ImportRecord[]) => Promise<void>,
): AsyncGenerator<readonly ImportRecord[]> {
  const iterator = records[Symbol.asyncIterator]()
  let sample: readonly ImportRecord[] = []
  let failure: { readonly error: unknown } | undefined
  while (sample.length < sampleRecords && !failure) {
    try {
      const { done, value } = await iterator.next()
      if (done) break
      sample = sample.concat(value)
    } catch (error) {
      failure = { error }
    }
  }
  await look(sample)
  yield sample
  if (failure) throw failure.error
  yield* { [Symbol.asyncIterator]: () => iterator }
}

/** A warning where one region would home nearly all, with what to type instead. */
export async function unevenHomes(
  sample: readonly ImportRecord[],
  options: ExpectedHomesOptions,
): Promise<string | undefined> {
  if (regionsThatMayHome(options).size < 2) return undefined
  const step = Math.max(1, Math.floor(sample.length / askedRecords))
  // Not every so many: what repeats in a file would be seen on one side only.
  const asked = sample.filter((_, index) => index % step === Math.floor(index / step) % step)
  const homes = await Promise.all(asked.map(record => expectedHome(record, options)))
  const counts = new Map<string, number>()
  for (const home of homes) increment(counts, home)
  const [most] = [...counts].sort(([, a], [, b]) => b - a)
  if (!most || most[1] <= homes.length * shareMax) return undefined
  const [region, count] = most
  const share = Math.floor((count / homes.length) * 100)
  return `${region} would home ${share}% of these records, and order all their writes.\n${advice(sample, region, options)}`
}

const regionsThatMayHome = ({ view, dataset }: ExpectedHomesOptions): ReadonlySet<string> =>
  new Set(view.datasets.filter(({ name }) => name === dataset).flatMap(({ home }) => home))

/** Its home already, or the one that the policy computes; else the hint of its first write. */
async function expectedHome(
  record: ImportRecord,
  { url, dataset, view, hintFor }: ExpectedHomesOptions,
): Promise<string> {
  const hint = hintFor(record) ?? view.region
  try {
    const explained = await askData(url, keyPath('explain', dataset, record.key))
    return homeSchema.parse(explained).home?.region ?? hint
  } catch (error) {
    // Somebody who may write a key need not be one who may read it.
    if (error instanceof CliError) return hint
    throw error
  }
}

const homeSchema = z.object({ home: z.object({ region: z.string() }).optional() })

function advice(
  sample: readonly ImportRecord[],
  region: string,
  { isHinted }: ExpectedHomesOptions,
): string {
  if (isHinted) return 'If that is not so in the world, --home-by names the wrong field.'
  const guess = guessHomeBy(sample.map(({ value }) => value()))
  return guess === undefined
    ? `If their users are elsewhere: --home-by country=FIELD, or --home-by lat=FIELD,lon=FIELD`
    : `If their users are not all near ${region}: stop, and add --home-by ${guess}`
}
