/** What lies in a stopped node's data directory, found without starting anything. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { type DatasetLayout, datasetLayoutSchema } from '../../node/data-directory.ts'
import { pidFileHolder } from '../../runtime/pid-file.ts'
import { usageError } from '../exit-codes.ts'

export interface StoppedDirectory {
  readonly path: string
  /** Of the region whose data this is; the path's own name where the identity is damaged. */
  readonly region: string
  readonly datasets: readonly StoppedDataset[]
}

export interface StoppedDataset {
  /** Name of its folder, decoded: the dataset, even where the layout is damaged. */
  readonly id: string
  readonly path: string
  /** Absent when dataset.json is damaged. */
  readonly layout?: DatasetLayout
}

const identitySchema = z.object({ region: z.string() })

/** Throws `CliError` for what is no data directory and for one whose node runs. */
export function openStoppedDirectory(path: string): StoppedDirectory {
  const folder = join(path, 'datasets')
  if (!existsSync(folder)) {
    throw usageError(
      `${path} is no data directory of a node: it has no folder "datasets"`,
      'Name what "denizen serve --data" was given; of "denizen dev": .denizen/dev/<region>.',
    )
  }
  const pid = pidFileHolder(join(path, 'node.lock'))
  if (pid !== undefined) {
    throw usageError(
      `the node of ${path} is running, as pid ${pid}`,
      'Stop it first ("denizen dev stop REGION", or SIGTERM): verification reads files at rest.',
    )
  }
  const identity = identitySchema.safeParse(readJson(join(path, 'node.json'))).data
  return {
    path,
    region: identity?.region ?? path,
    datasets: readdirSync(folder, { withFileTypes: true })
      .filter(entry => entry.isDirectory())
      .map(({ name }) => openDataset(decodeURIComponent(name), join(folder, name))),
  }
}

function openDataset(id: string, path: string): StoppedDataset {
  const layout = datasetLayoutSchema.safeParse(readJson(join(path, 'dataset.json'))).data
  return { id, path, ...(layout?.dataset === id && { layout }) }
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return undefined
  }
}
