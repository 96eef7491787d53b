/**
 * A node's data directory:
 *
 *   node.json            who the node is, and the directory's format: see identity.ts
 *   node.lock            the process that runs on it
 *   coordination.cbor    the cluster record: policy in force, members, registrars
 *   datasets/<dataset>/dataset.json    how the dataset is laid out: never changes
 *   datasets/<dataset>/<n>/data.mdb    its stores, and
 *   datasets/<dataset>/<n>/log/        what has not come to data.mdb yet
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { fromUtf8, utf8 } from '../model/bytes.ts'
import { limits } from '../model/limits.ts'
import type { Placement, PlacementTable } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import type { Disk } from '../runtime/disk.ts'
import { makeDirectory, syncDirectory } from '../runtime/node-disk.ts'
import { takePidFile } from '../runtime/pid-file.ts'
import type { StoreLocation } from '../storage/shard-messages.ts'
import { StartError } from './start-error.ts'

export const datasetLayoutSchema = z.strictObject({
  format: z.literal(1),
  dataset: z.string().min(1),
  slots: z.int().min(1),
  groupBySegments: z.int().min(1).nullable(),
  stores: z.int().min(1),
})
export type DatasetLayout = z.infer<typeof datasetLayoutSchema>

export const datasetDirectory = (dataDirectory: string, dataset: string): string =>
  join(dataDirectory, 'datasets', encodeURIComponent(dataset))

/** Takes the directory for this process. Throws `StartError` when another one runs on it. */
export async function lockDataDirectory(directory: string): Promise<() => void> {
  await makeDirectory(directory)
  await makeDirectory(join(directory, 'datasets'))
  const lock = takePidFile(join(directory, 'node.lock'))
  if ('release' in lock) return lock.release
  throw new StartError(
    `the data directory ${directory} is in use by pid ${lock.heldBy}`,
    'Stop that node first, or give this one its own --data directory.',
  )
}

/** Lays out every dataset that this region may hold, and says where its stores are. */
export async function openLayouts(
  disk: Disk,
  directory: string,
  table: PlacementTable,
  self: RegionId,
  storesOfNew: number,
): Promise<StoreLocation[]> {
  const locations: StoreLocation[] = []
  for (const placement of table.placements) {
    if (!placement.mayHold(self)) continue
    const folder = datasetDirectory(directory, placement.id)
    await makeDirectory(folder)
    const layout = await openLayout(disk, folder, placement, storesOfNew)
    for (let store = 0; store < layout.stores; store++) {
      locations.push({ dataset: placement.id, store, directory: join(folder, String(store)) })
    }
  }
  if (locations.length <= limits.storesPerNodeMax) return locations
  throw new StartError(
    `the policy needs ${locations.length} stores here, and a node has at most ${limits.storesPerNodeMax}`,
    'Start new data directories with fewer --threads, or use fewer partitions.',
  )
}

/** Erases all that the directory has of datasets; their stores are closed. */
export async function eraseDatasets(directory: string, datasets: readonly string[]): Promise<void> {
  for (const dataset of datasets) {
    await rm(datasetDirectory(directory, dataset), { recursive: true, force: true })
  }
  if (datasets.length > 0) await syncDirectory(join(directory, 'datasets'))
}

/**
 * Stores of a dataset that is new here. Half as many as threads: a store's writes are made durable
 * together, and fewer stores make larger groups (bench/results).
 */
export const storesOfNew = (threads: number): number => Math.max(1, Math.floor(threads / 2))

export const layoutPath = (datasetFolder: string): string => join(datasetFolder, 'dataset.json')

/** Undefined where there is none, or where it is damaged. */
export async function readLayout(
  disk: Disk,
  datasetFolder: string,
): Promise<DatasetLayout | undefined> {
  const bytes = await disk.read(layoutPath(datasetFolder))
  return bytes && datasetLayoutSchema.safeParse(JSON.parse(fromUtf8(bytes))).data
}

async function openLayout(
  disk: Disk,
  folder: string,
  { data }: Placement,
  storesOfNew: number,
): Promise<DatasetLayout> {
  const path = layoutPath(folder)
  if (!(await disk.read(path))) {
    const { id: dataset, slots, groupBySegments } = data
    const stores = Math.min(storesOfNew, limits.storesPerDatasetMax)
    const layout: DatasetLayout = { format: 1, dataset, slots, groupBySegments, stores }
    await disk.replace(path, utf8(JSON.stringify(layout)))
    return layout
  }
  const layout = await readLayout(disk, folder)
  const same =
    layout?.dataset === data.id &&
    layout.slots === data.slots &&
    layout.groupBySegments === data.groupBySegments
  if (layout && same) return layout
  throw new StartError(
    `${path} does not match the policy in force`,
    'Slots and groupBy of a dataset are fixed when it is made; restore the directory from a backup.',
  )
}
