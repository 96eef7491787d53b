/** `GET /v1/cluster` as the command line reads it: schemas parse what comes in. */
import { clusterSchema } from '../api/view-schemas.ts'
import type { ClusterView } from '../routing/service.ts'
import { CliError, exitCodes } from './exit-codes.ts'
import { askData } from './http-client.ts'

/** Members that a newer node adds are dropped. Throws `CliError`. */
export async function clusterView(url: string): Promise<ClusterView> {
  return clusterSchema.parse(await askData(url, '/v1/cluster'))
}

/** Who may read or write a dataset need not be one who may see the cluster: undefined then. */
export async function clusterViewIfAllowed(url: string): Promise<ClusterView | undefined> {
  try {
    return await clusterView(url)
  } catch (error) {
    if (error instanceof CliError && error.exitCode === exitCodes.failed) return undefined
    throw error
  }
}
