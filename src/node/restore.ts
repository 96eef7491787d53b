/**
 * Makes a data directory of a backup. The node that starts on it recovers before it acts as a home:
 * see recovery.ts. Until all is written the directory says so, and no node starts on it.
 */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { knowsFormat } from '../coordination/build.ts'
import { utf8 } from '../model/bytes.ts'
import type { PolicyData } from '../model/placement.ts'
import type { RegionId } from '../model/slot.ts'
import { encodeCbor } from '../protocol/cbor.ts'
import type { Receipt } from '../receipts/receipt.ts'
import { makeDirectory, nodeDisk } from '../runtime/node-disk.ts'
import type { Engine } from '../storage/engine.ts'
import type { BackupHeader } from './backup-file.ts'
import { readBackup, verifyBackup } from './backup-reader.ts'
import { build } from './build.ts'
import {
  type DatasetLayout,
  datasetDirectory,
  layoutPath,
  lockDataDirectory,
} from './data-directory.ts'
import { keepReplays, replayOf } from './erasure-replays.ts'
import { type IdentityData, writeIdentity } from './identity.ts'
import { StartError } from './start-error.ts'
import { storeEngine } from './store-engine.ts'

export interface RestoreRequest {
  readonly file: string
  /** Empty, or not there yet. */
  readonly directory: string
  readonly region: RegionId
  /** The policy now: what it does not permit here is left out. */
  readonly policy: PolicyData
  /** Receipts of erasures, which the node replays when it recovers. */
  readonly erased: readonly Receipt[]
  readonly onRows: (rows: number) => void
}

export interface Restored {
  readonly datasets: readonly string[]
  /** Datasets of the backup that this region may no longer store. */
  readonly leftOut: readonly string[]
  readonly rows: number
}

/** Throws `StartError`; then nothing was written, unless the message says otherwise. */
export async function restore(request: RestoreRequest): Promise<Restored> {
  const { file, directory, region } = request
  await requireEmpty(directory)
  const { header } = await verifyBackup(file)
  requireSame(header, request)
  for (const receipt of request.erased) requireOfCluster(receipt, header)
  const { datasets, leftOut } = permitted(header, request)
  const unlock = await lockDataDirectory(directory)
  try {
    const { nodeId, record, writtenBy } = header
    const { dataFormat } = record
    const identity: IdentityData = { format: 1, nodeId, region, dataFormat, writtenBy }
    await writeIdentity(nodeDisk, directory, { ...identity, restored: 'unfinished' })
    await nodeDisk.replace(join(directory, 'coordination.cbor'), encodeCbor(record))
    for (const layout of datasets) await layOut(directory, layout)
    await keepReplays(directory, request.erased.map(replayOf))
    const rows = await writeRows(request, new Set(datasets.map(({ dataset }) => dataset)))
    await writeIdentity(nodeDisk, directory, { ...identity, restored: 'recovering' })
    return { datasets: datasets.map(({ dataset }) => dataset), leftOut, rows }
  } finally {
    unlock()
  }
}

async function requireEmpty(directory: string): Promise<void> {
  await makeDirectory(directory)
  if ((await readdir(directory)).length === 0) return
  throw new StartError(
    `${directory} is not empty`,
    'Restore into a new directory; nothing that lies there is overwritten.',
  )
}

/** A backup goes back to the region of the cluster that it came from, and nowhere else. */
function requireSame({ region, record }: BackupHeader, request: RestoreRequest): void {
  const { cluster } = record.current
  if (region !== request.region) {
    throw new StartError(
      `the backup is of region ${region}, not of ${request.region}`,
      `Use --region ${region}, or a backup of ${request.region}.`,
    )
  }
  if (cluster !== request.policy.cluster) {
    throw new StartError(
      `the backup is of cluster ${cluster}, and the policy file of ${request.policy.cluster}`,
      'Name the policy file of the same cluster with --config.',
    )
  }
  const { dataFormat } = record
  if (knowsFormat(build, dataFormat)) return
  throw new StartError(
    `the backup has data format ${dataFormat}, which denizen ${build.version} does not know`,
    'Restore it with a version of denizen that knows the format.',
  )
}

function requireOfCluster({ clusterId }: Receipt, { record }: BackupHeader): void {
  if (clusterId === record.clusterId) return
  throw new StartError(
    `a receipt is of cluster ${clusterId}, and the backup of ${record.clusterId}`,
    'Name receipts of the cluster that the backup is of.',
  )
}

/** By the policy of the backup, which was in force, and by that of now. */
function permitted(
  { datasets, record }: BackupHeader,
  { policy, region }: RestoreRequest,
): { datasets: readonly DatasetLayout[]; leftOut: readonly string[] } {
  const storedHere = ({ placements }: PolicyData): Set<string> =>
    new Set(placements.filter(({ store }) => store.includes(region)).map(({ id }) => id))
  const both = storedHere(record.current).intersection(storedHere(policy))
  const leftOut = datasets.filter(({ dataset }) => !both.has(dataset))
  return {
    datasets: datasets.filter(({ dataset }) => both.has(dataset)),
    leftOut: leftOut.map(({ dataset }) => dataset),
  }
}

async function layOut(directory: string, layout: DatasetLayout): Promise<void> {
  const folder = datasetDirectory(directory, layout.dataset)
  await makeDirectory(folder)
  await nodeDisk.replace(layoutPath(folder), utf8(JSON.stringify(layout)))
}

/** Each block is a commit, so that no store holds more than one in memory. */
async function writeRows(
  { file, directory, onRows }: RestoreRequest,
  datasets: ReadonlySet<string>,
): Promise<number> {
  let engine: Engine | undefined
  let written = 0
  try {
    for await (const event of readBackup(file)) {
      if (event.kind === 'part') {
        await engine?.close()
        engine = undefined
        const { dataset, store } = event
        if (!datasets.has(dataset)) continue
        engine = await storeEngine.open(join(datasetDirectory(directory, dataset), String(store)))
      } else if (event.kind === 'rows' && engine) {
        await engine.commit(event.rows)
        written += event.rows.length
        onRows(written)
      }
    }
  } finally {
    await engine?.close()
  }
  return written
}
