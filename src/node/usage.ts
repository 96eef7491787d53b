/** What this node's copies of a dataset hold, all its partitions together: for quotas. */
import type { Usage } from '../access/access.ts'
import type { Copies } from './cluster-status.ts'

/** `undefined` where the node stores none of it, or there is no such dataset. */
export async function usageOf(
  { table, shards }: Pick<Copies, 'table' | 'shards'>,
  dataset: string,
): Promise<Usage | undefined> {
  const ids = [...table.placements]
    .filter(({ data }) => data.name === dataset && shards.stores(data.id))
    .map(({ data }) => data.id)
  if (ids.length === 0) return undefined
  const digests = await Promise.all(ids.map(id => shards.callAll(id, 'digests', {})))
  let [records, bytes] = [0, 0]
  for (const { digest } of digests.flat(2)) {
    records += digest.records
    bytes += digest.bytes
  }
  return { records, bytes }
}
