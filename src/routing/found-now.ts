/** What a read comes to that is answered before anything else happens: see `Service.findNow`. */
import type { Receipt } from '../execution/operation.ts'
import type { Version } from '../model/version.ts'

/** A value that was at hand. */
export interface FoundNow {
  readonly found: FoundValue
  readonly receipt: Receipt
  /** The token to return as `Denizen-Session`. */
  readonly session: string
}

export interface FoundValue {
  readonly version: Version
  readonly mediaType: string
  readonly value: Uint8Array
  /** The token of a session that begins with it. */
  readonly session: string
  /** As `Admission` says. */
  readonly cacheable: boolean
}

/** Its one outcome may be a failure that was applied all the same; other failures are thrown. */
