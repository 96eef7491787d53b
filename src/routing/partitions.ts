/** Which partitions of a dataset a request is about. */
import { DenizenError } from '../model/errors.ts'
import type { Placement, PlacementTable } from '../model/placement.ts'

/** Lists and watches lie in one partition: partitions may be stored in different places. */
export function partitionOf(table: PlacementTable, dataset: string, prefix: string): Placement {
  const partitions = table.partitions(dataset)
  const found = partitions.find(({ data }) => prefix.startsWith(data.prefix))
  if (found) return found
  throw new DenizenError('prefix_spans_partitions', 'the prefix would span partitions', {
    extra: { partitions: partitions.map(({ data }) => data.prefix) },
  })
}

/** None where the dataset is not known: the long way says so of each operation. */
export function partitionsOf(table: PlacementTable, dataset: string): readonly Placement[] {
  try {
    return table.partitions(dataset)
  } catch (error) {
    if (error instanceof DenizenError) return []
    throw error
  }
}
