/** Asks a running node for a backup of itself. */
import type { BackupRequest } from '../../api/administration.ts'
import { credentials } from '../credentials.ts'
import { CliError, exitCodes } from '../exit-codes.ts'
import { connectionFailure, problemOf } from '../http-client.ts'

/** The file as it comes. Throws `CliError`. */
export async function requestBackup(
  url: string,
  { place, datasets }: BackupRequest,
): Promise<ReadableStream<Uint8Array>> {
  const query = new URLSearchParams({ place, datasets: datasets.join(',') })
  const target = `${url}/v1/admin/backup?${query}`
  const response = await fetch(target, { method: 'POST', headers: credentials() }).catch(
    (error: unknown) => {
      throw new CliError(
        exitCodes.unreachable,
        `no node answers at ${url} (${connectionFailure(error).message})`,
        'Name a node with --url, or the directory of a stopped one with --data.',
      )
    },
  )
  if (response.status === 200 && response.body) return response.body
  const { status, headers } = response
  const body = new Uint8Array(await response.arrayBuffer())
  throw problemOf({ status, headers, body, url })
}
