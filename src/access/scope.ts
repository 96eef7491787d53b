/**
 * What a caller may do. A scope grants verbs on one dataset, or on all (`*`), for the keys under a
 * prefix; nothing is granted by default, and no verb implies another.
 */
import { z } from 'zod'
import { parseKeyPrefix } from '../model/key.ts'
import { limits } from '../model/limits.ts'

export const verbs = ['read', 'write', 'list', 'watch', 'admin', 'backup'] as const
export type Verb = (typeof verbs)[number]

/** What is about the node itself. A scraper of metrics must not be able to take all values. */
export const nodeVerbs: ReadonlySet<string> = new Set<Verb>(['admin', 'backup'])

/** All datasets; the dataset of requests that are about the node, which need a node verb. */
export const anyDataset = '*'

const nameGrammar = '(?!r$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?'

export const datasetNameSchema = z.string().regex(new RegExp(`^${nameGrammar}$`), {
  error: 'must be the name of a dataset: a DNS label',
})

const isKeyPrefix = (text: string): boolean => {
  try {
    return parseKeyPrefix(text).endsWith('/')
  } catch {
    return false
  }
}

const scopeSchema = z
  .strictObject({
    dataset: z
      .string()
      .regex(new RegExp(`^(?:\\*|${nameGrammar})$`), {
        error: 'must be the name of a dataset, or "*" in quotes for all of them',
      })
      .describe('Name of a dataset, or "*" for all; admin of the node needs "*"'),
    verbs: z
      .array(z.enum(verbs))
      .min(1)
      .max(verbs.length)
      .describe('read (and explain), write (and delete), list, watch, admin'),
    prefix: z
      .string()
      .refine(isKeyPrefix, { error: 'must be the beginning of a key and end in "/"' })
      .describe('Only keys that begin so; it ends in "/", so that it stands for whole segments')
      .optional(),
    hint: z
      .boolean()
      .describe('Whether Denizen-Hint may name the region near the user; default: false')
      .optional(),
  })
  .describe('Verbs on the keys of a dataset')

export const scopesSchema = z.array(scopeSchema).max(limits.scopesPerCallerMax)

export type Scope = z.infer<typeof scopeSchema>

interface Grant {
  readonly verbs: ReadonlySet<Verb>
  readonly prefix: string
  readonly hint: boolean
}

/** The scopes of one caller, ready to be asked: a look-up by dataset, then a few comparisons. */
export class Grants {
  readonly #byDataset = new Map<string, readonly Grant[]>()
  readonly #ofAny: readonly Grant[]

  constructor(scopes: readonly Scope[]) {
    const grantsOf = (dataset: string): readonly Grant[] =>
      scopes
        .filter(scope => scope.dataset === dataset || scope.dataset === anyDataset)
        .map(({ verbs: granted, prefix = '', hint = false }) => ({
          verbs: new Set(granted),
          prefix,
          hint,
        }))
    this.#ofAny = grantsOf(anyDataset)
    for (const { dataset } of scopes) this.#byDataset.set(dataset, grantsOf(dataset))
  }

  /**
   * Whether one scope grants the verb on a key, or on all keys that begin with a prefix; where the
   * request names its own hint, that scope has to grant it too.
   */
  permits(verb: Verb, dataset: string, keyOrPrefix: string, hinted: boolean): boolean {
    return this.#of(dataset).some(
      grant =>
        grant.verbs.has(verb) && keyOrPrefix.startsWith(grant.prefix) && (grant.hint || !hinted),
    )
  }

  /** Whether any scope is about the dataset at all. */
  concern(dataset: string): boolean {
    return this.#of(dataset).length > 0
  }

  #of(dataset: string): readonly Grant[] {
    return this.#byDataset.get(dataset) ?? this.#ofAny
  }
}
