/**
 * Entity tags and the headers that compare them (RFC 9110, sections 8.8.3 and 13.1). The tag of a
 * value is its version in quotes; a transcoded value's ends in `-j` or `-c`. Writes compare
 * versions, so they take any of the three.
 */
import type { Precondition } from '../execution/operation.ts'
import { DenizenError } from '../model/errors.ts'
import { compareVersions, formatVersion, parseVersion, type Version } from '../model/version.ts'

interface EntityTag {
  readonly weak: boolean
  readonly opaque: string
}
type TagList = '*' | readonly EntityTag[]

export interface ConditionTexts {
  readonly ifMatch?: string | undefined
  readonly ifNoneMatch?: string | undefined
}

export const etagOf = (version: Version, suffix: '' | '-j' | '-c' = ''): string =>
  `"${formatVersion(version)}${suffix}"`

const listGrammar = /^[ \t]*(?:W\/)?"[!#-~]*"[ \t]*(?:,[ \t]*(?:W\/)?"[!#-~]*"[ \t]*)*$/

function parseTags(text: string, header: string): TagList {
  if (text.trim() === '*') return '*'
  if (!listGrammar.test(text)) throw bad(`${header} is neither "*" nor a list of quoted ETags`)
  return Array.from(text.matchAll(/(W\/)?"([^"]*)"/g), match => ({
    weak: match[1] !== undefined,
    opaque: match[2] ?? '',
  }))
}

const versionOf = (tag: EntityTag): Version | undefined =>
  parseVersion(tag.opaque.replace(/-[jc]$/, ''))

const noPrecondition: Precondition = {}

/** What a write demands of the current version. Throws `bad_precondition`. */
export function writePrecondition(texts: ConditionTexts): Precondition {
  if (texts.ifMatch === undefined && texts.ifNoneMatch === undefined) return noPrecondition
  const ifMatch = wanted(texts.ifMatch, 'If-Match')
  const ifNoneMatch = wanted(texts.ifNoneMatch, 'If-None-Match')
  return {
    ...(ifMatch === undefined ? {} : { ifMatch }),
    ...(ifNoneMatch === undefined ? {} : { ifNoneMatch }),
  }
}

/** One version is all that a write compares with; a list may name it in more than one form. */
function wanted(text: string | undefined, header: string): Version | '*' | undefined {
  if (text === undefined) return undefined
  const tags = parseTags(text, header)
  if (tags === '*') return '*'
  let version: Version | undefined
  for (const tag of tags) {
    if (tag.weak && header === 'If-Match') throw bad('If-Match takes no weak ETags')
    const named = versionOf(tag)
    if (!named) throw bad(`${header} has an ETag that is none of Denizen's`)
    if (version && compareVersions(version, named) !== 0) {
      throw bad(`${header} names more than one version`)
    }
    version = named
  }
  return version
}

/** The conditions of a read, checked against what was found. */
export class ReadConditions {
  readonly #ifMatch: TagList | undefined
  readonly #ifNoneMatch: TagList | undefined

  /** Throws `bad_precondition`. */
  constructor({ ifMatch, ifNoneMatch }: ConditionTexts) {
    this.#ifMatch = ifMatch === undefined ? undefined : parseTags(ifMatch, 'If-Match')
    this.#ifNoneMatch =
      ifNoneMatch === undefined ? undefined : parseTags(ifNoneMatch, 'If-None-Match')
    if (Array.isArray(this.#ifMatch) && this.#ifMatch.some(tag => tag.weak)) {
      throw bad('If-Match takes no weak ETags')
    }
  }

  /** Throws `version_mismatch` where If-Match does not hold for the version that exists. */
  checkMatch(current: Version | undefined): void {
    const tags = this.#ifMatch
    if (tags === undefined) return
    if (current === undefined) {
      throw new DenizenError('version_mismatch', 'the key does not exist')
    }
    const holds = tags === '*' || tags.some(tag => isVersion(versionOf(tag), current))
    if (holds) return
    throw new DenizenError('version_mismatch', 'the key has another version', {
      extra: { current: formatVersion(current) },
    })
  }

  /**
   * Whether the caller has this very representation. Versions alone would not do: a client that
   * holds the value as JSON and asks for CBOR must not be told that it has it.
   */
  notModified(etag: string): boolean {
    const tags = this.#ifNoneMatch
    if (tags === undefined) return false
    return tags === '*' || tags.some(tag => `"${tag.opaque}"` === etag)
  }

  /** The same inside a body, where a value has one form only: versions are compared. */
  notModifiedVersion(current: Version): boolean {
    const tags = this.#ifNoneMatch
    if (tags === undefined) return false
    return tags === '*' || tags.some(tag => isVersion(versionOf(tag), current))
  }
}

const isVersion = (version: Version | undefined, current: Version): boolean =>
  version !== undefined && compareVersions(version, current) === 0

const bad = (detail: string): DenizenError => new DenizenError('bad_precondition', detail)
