/** A dataset and a key from the command line as a path of the key API. */
import { errorKinds } from '../model/error-kinds.ts'
import { DenizenError } from '../model/errors.ts'
import { encodeKeyForPath, parseKey } from '../model/key.ts'
import { usageError } from './exit-codes.ts'
import type { ApiReply } from './http-client.ts'

/** `/v1/kv/cities/jp/tokyo-1850147`. Throws `CliError` for what can be no key. */
export function keyPath(
  route: 'kv' | 'tx' | 'explain' | `admin/${'rehome' | 'erase' | 'hold' | 'moved'}`,
  dataset: string,
  key: string,
): string {
  try {
    return `/v1/${route}/${encodeURIComponent(dataset)}/${encodeKeyForPath(parseKey(key))}`
  } catch (error) {
    if (!(error instanceof DenizenError)) throw error
    throw usageError(error.message, errorKinds[error.code].action)
  }
}

/**
 * Who answered and where the key lives, from the headers of a reply; what is absent is left out.
 */
export interface ReplyReceipt {
  readonly version?: string
  readonly home?: string
  readonly servedBy?: string
}

export function receiptOf({ headers }: ApiReply): ReplyReceipt {
  const version = headers.get('etag')?.replaceAll('"', '')
  const home = headers.get('denizen-home')
  const servedBy = headers.get('denizen-served-by')
  return {
    ...(version !== undefined && { version }),
    ...(home !== null && { home }),
    ...(servedBy !== null && { servedBy }),
  }
}

/** One line for people. */
export const receiptText = ({ version, home, servedBy }: ReplyReceipt): string =>
  [
    version === undefined ? '' : `version ${version}`,
    home === undefined ? '' : `home ${home}`,
    servedBy === undefined ? '' : `served by ${servedBy}`,
  ]
    .filter(text => text !== '')
    .join(', ')
