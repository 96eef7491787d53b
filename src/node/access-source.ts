/** The access file, and the file of keys that it may name: rules, or what is wrong with them. */
import { dirname, resolve } from 'node:path'
import type { JSONWebKeySet } from 'jose'
import { z } from 'zod'
import {
  type AccessFile,
  isUrl,
  type ParsedAccess,
  parseAccessFile,
} from '../access/access-file.ts'
import { fromUtf8 } from '../model/bytes.ts'
import { limits } from '../model/limits.ts'
import { formatDiagnostic } from '../policy/diagnostic.ts'
import type { Disk } from '../runtime/disk.ts'

/** `seen` differs whenever anything does that was read. */
export type Reading =
  | {
      readonly kind: 'rules'
      readonly seen: string
      readonly file: AccessFile
      readonly keys: JSONWebKeySet | undefined
    }
  | { readonly kind: 'unusable'; readonly seen: string; readonly reason: string }

/** Only that it is a set of keys: `jose` judges each when a token asks for it. */
const keysSchema = z.looseObject({ keys: z.array(z.record(z.string(), z.unknown())) })

export class AccessSource {
  readonly #path: string
  readonly #disk: Disk
  /** Parsed anew only when it has changed. */
  #text: string | undefined
  #parsed: ParsedAccess = { diagnostics: [] }

  constructor(path: string, disk: Disk) {
    this.#path = path
    this.#disk = disk
  }

  async read(): Promise<Reading> {
    const text = await this.#read(this.#path)
    if (typeof text !== 'string') return unusable('', text.fault)
    if (text !== this.#text) this.#parsed = parseAccessFile({ file: this.#path, text })
    this.#text = text
    const { file, diagnostics } = this.#parsed
    if (!file) return unusable(text, diagnostics.map(formatDiagnostic).join('\n'))
    if (!file.jwt || isUrl(file.jwt.jwks)) {
      return { kind: 'rules', seen: text, file, keys: undefined }
    }
    const keysPath = resolve(dirname(this.#path), file.jwt.jwks)
    const keysText = await this.#read(keysPath)
    if (typeof keysText !== 'string') return unusable(text, keysText.fault)
    const keys = parseKeys(keysText)
    const seen = `${text}\n${keysText}`
    if (!keys) return unusable(seen, `${keysPath} is no JSON Web Key Set (RFC 7517)`)
    return { kind: 'rules', seen, file, keys }
  }

  async #read(path: string): Promise<string | { readonly fault: string }> {
    try {
      const bytes = await this.#disk.read(path)
      if (bytes === undefined) return { fault: `there is no file ${path}` }
      if (bytes.length > limits.accessFileBytesMax) {
        return { fault: `${path} is larger than ${limits.accessFileBytesMax} bytes` }
      }
      return fromUtf8(bytes)
    } catch (error) {
      if (error instanceof TypeError) return { fault: `${path} is not UTF-8` }
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'no code'
      return { fault: `${path} can not be read (${code})` }
    }
  }
}

const unusable = (text: string, reason: string): Reading => ({
  kind: 'unusable',
  seen: `${text}\n${reason}`,
  reason,
})

function parseKeys(text: string): JSONWebKeySet | undefined {
  try {
    return keysSchema.safeParse(JSON.parse(text)).data as JSONWebKeySet | undefined
  } catch {
    return undefined
  }
}
