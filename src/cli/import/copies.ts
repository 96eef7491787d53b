/** Waits until every region that keeps a copy of a dataset has all of it. */

import { clusterView } from '../cluster-view.ts'
import { CliError } from '../exit-codes.ts'

export interface RegionCopy {
  readonly region: string
  readonly records: number
  readonly digest: string
  /** False where the region did not answer, or differs from the others at the deadline. */
  readonly isCaughtUp: boolean
}

const lookEveryMs = 100

/**
 * The copies once their digests agree, or as they are at the deadline. Regions that don't store the
 * dataset are left out.
 */
export async function waitForCopies(
  regions: readonly { readonly id: string; readonly url: string }[],
  dataset: string,
  { copiesTimeoutMs, signal }: { copiesTimeoutMs: number; signal?: AbortSignal },
): Promise<readonly RegionCopy[]> {
  const deadlineMs = performance.now() + copiesTimeoutMs
  for (;;) {
    const copies = (
      await Promise.all(regions.map(region => copyOf(region.id, region.url, dataset)))
    ).flatMap(copy => copy ?? [])
    if (copies.every(({ isCaughtUp }) => isCaughtUp) && agree(copies)) return copies
    if (performance.now() > deadlineMs) return agree(copies) ? copies : copies.map(behind(copies))
    signal?.throwIfAborted()
    await new Promise(resolve => setTimeout(resolve, lookEveryMs))
  }
}

async function copyOf(
  region: string,
  url: string,
  dataset: string,
): Promise<RegionCopy | undefined> {
  try {
    const { datasets } = await clusterView(url)
    const copy = datasets.find(({ name }) => name === dataset)?.copy
    return copy && { region, records: copy.records, digest: copy.digest, isCaughtUp: true }
  } catch (error) {
    if (!(error instanceof CliError)) throw error
    return { region, records: 0, digest: '', isCaughtUp: false }
  }
}

const agree = (copies: readonly RegionCopy[]): boolean =>
  new Set(copies.map(({ digest }) => digest)).size <= 1

/** Who has fewer records than the fullest copy has not caught up; with equal counts, nobody has. */
function behind(copies: readonly RegionCopy[]): (copy: RegionCopy) => RegionCopy {
  const most = Math.max(...copies.map(({ records }) => records))
  const allEqual = copies.every(({ records }) => records === most)
  return copy => ({
    ...copy,
    isCaughtUp: copy.isCaughtUp && copy.records === most && !allEqual,
  })
}
