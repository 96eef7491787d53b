/** A reply of the key API as a history tells it. */
import { parseVersion } from '../../model/version.ts'
import type { Operation, Receipt, Result } from '../../simulation/history.ts'
import { type ApiReply, decodeData } from '../http-client.ts'

type KeyOperation = Exclude<Operation, { kind: 'tx' }>

/** `valueIn` finds the value's name in a body. */
export function resultOf(
  operation: KeyOperation,
  reply: ApiReply,
  valueIn: (body: Uint8Array) => string,
): Result {
  const { status, headers, body } = reply
  const version = versionIn(headers.get('etag'))
  const receipt = receiptIn(headers)
  if (operation.kind === 'get' && status === 200 && version !== undefined) {
    return { kind: 'found', version, value: valueIn(body), ...receipt }
  }
  if (operation.kind === 'put' && (status === 201 || status === 204) && version !== undefined) {
    return { kind: 'written', version, created: status === 201, ...receipt }
  }
  if (operation.kind === 'delete' && status === 204) return { kind: 'deleted', ...receipt }
  const { code, applied } = problemIn(reply)
  if (operation.kind !== 'put' && code === 'not_found') return { kind: 'absent', ...receipt }
  if (operation.kind !== 'get' && code === 'version_mismatch') {
    return { kind: 'mismatch', current: version ?? null, ...receipt }
  }
  return { kind: 'error', code, applied, ...(version !== undefined && { version }) }
}

/** ETags are versions in quotes; transcoded values add a suffix. */
function versionIn(etag: string | null): string | undefined {
  const text = /^"([\d.]+)(?:-[jc])?"$/.exec(etag ?? '')?.[1]
  return text !== undefined && parseVersion(text) ? text : undefined
}

const roles = ['home', 'replica', 'proxy'] as const

/** `eu-west;role=replica;staleness-ms=40` */
function receiptIn(headers: Headers): Receipt {
  const home = headers.get('denizen-home')
  const [servedBy, ...parameters] = (headers.get('denizen-served-by') ?? '').split(';')
  const named = new Map(parameters.map(each => each.split('=') as [string, string]))
  const role = roles.find(each => each === named.get('role'))
  const stalenessMs = named.get('staleness-ms')
  return {
    ...(home !== null && { home: bare(home) }),
    ...(servedBy && { servedBy: bare(servedBy) }),
    ...(role && { role }),
    ...(stalenessMs !== undefined && { stalenessMs: Number(stalenessMs) }),
  }
}

const bare = (text: string): string => text.replaceAll('"', '')

function problemIn(reply: ApiReply): {
  readonly code: string
  readonly applied: 'yes' | 'no' | 'unknown'
} {
  const data = problemData(reply)
  const code = 'code' in data && typeof data.code === 'string' ? data.code : `http_${reply.status}`
  const applied = 'applied' in data ? data.applied : undefined
  // What is no problem of Denizen's says nothing of what was applied.
  const isKnown = applied === 'yes' || applied === 'no' || applied === 'unknown'
  return { code, applied: isKnown ? applied : 'unknown' }
}

function problemData(reply: ApiReply): object {
  try {
    const data = decodeData(reply)
    return typeof data === 'object' && data !== null ? data : {}
  } catch {
    return {}
  }
}
