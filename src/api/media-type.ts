/** Media types (RFC 9110, section 8.3.1) as far as this API looks into them. */
import { DenizenError } from '../model/errors.ts'
import { limits } from '../model/limits.ts'
import { decodeCbor } from '../protocol/cbor.ts'
import { decodeJson } from '../protocol/json.ts'

/** The two forms of data items. */
export type Format = 'json' | 'cbor'

export const formatTypes: Readonly<Record<Format, string>> = {
  json: 'application/json',
  cbor: 'application/cbor',
}

export const defaultMediaType = 'application/octet-stream'

const token = "[!#$%&'*+\\-.^_`|~\\w]+"
const quotedString = '"(?:[\\t !#-[\\]-~]|\\\\[\\t -~])*"'
const parameter = `[ \\t]*;[ \\t]*${token}=(?:${token}|${quotedString})`
const grammar = new RegExp(`^${token}/${token}(?:${parameter})*[ \\t]*;?$`)

/** Type and subtype in lower case, without parameters. */
export const essenceOf = (mediaType: string): string => {
  const semicolon = mediaType.indexOf(';')
  return (semicolon < 0 ? mediaType : mediaType.slice(0, semicolon)).trim().toLowerCase()
}

/** What was asked about last: most values have the type of the one before. */
let lastForm: { readonly mediaType: string; readonly format: Format | undefined } = {
  ...{ mediaType: '', format: undefined },
}
let lastChecked = ''

/** The form of a value or body, where it is one of the two that Denizen understands. */
export function formatOf(mediaType: string): Format | undefined {
  if (lastForm.mediaType !== mediaType) lastForm = { mediaType, format: formOf(mediaType) }
  return lastForm.format
}

function formOf(mediaType: string): Format | undefined {
  const essence = essenceOf(mediaType)
  if (essence === formatTypes.json) return 'json'
  return essence === formatTypes.cbor ? 'cbor' : undefined
}

/** Checks the media type that is kept with a value. Throws `bad_request`. */
export function checkMediaType(mediaType: string): string {
  if (mediaType === lastChecked && mediaType !== '') return mediaType
  if (mediaType.length > limits.mediaTypeBytesMax) {
    throw new DenizenError(
      'bad_request',
      `the media type is longer than ${limits.mediaTypeBytesMax} bytes`,
    )
  }
  if (!grammar.test(mediaType)) throw new DenizenError('bad_request', 'that is no media type')
  lastChecked = mediaType
  return mediaType
}

export const decodeFormat = (format: Format, bytes: Uint8Array): unknown =>
  format === 'json' ? decodeJson(bytes) : decodeCbor(bytes)

/** The same for stored values, which no caller is to blame for: undefined where it is malformed. */
export function tryDecode(format: Format, bytes: Uint8Array): { item: unknown } | undefined {
  try {
    return { item: decodeFormat(format, bytes) }
  } catch (error) {
    if (error instanceof DenizenError) return undefined
    throw error
  }
}

/** A value that is declared as JSON or CBOR must be that. Throws `bad_body`. */
export function checkValue(mediaType: string, bytes: Uint8Array): void {
  const format = formatOf(mediaType)
  if (format !== undefined) decodeFormat(format, bytes)
}
