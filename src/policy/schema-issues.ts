/**
 * What zod finds, in the words of the policy language: at the right place in the file, with the
 * fields and values that exist. Zod's own texts speak of inputs and unions, which nobody wrote.
 */
import { z } from 'zod'
import type { DiagnosticCode, DiagnosticList, SourcePath } from './diagnostic.ts'
import type { YamlSource } from './source.ts'
import { didYouMean } from './suggest.ts'

type Issue = z.core.$ZodIssue
type Json = z.core.JSONSchema.JSONSchema

/** Fields of the language by the place where they are known, for "not here, but there". */
const datasetOnly = ['groupBy', 'partitions']
const selectorKinds = ['country', 'subdivision', 'provider', 'operator', 'tag', 'adequate']

/** Reasons that are reported: nobody reads more, and looking for the places of all takes long. */
const reasonsMax = 100

/** Parses a file's content. Undefined if it doesn't fit, after reporting the reasons. */
export function parseWith<T>(
  schema: z.ZodType<T>,
  source: YamlSource,
  diagnostics: DiagnosticList,
): T | undefined {
  if (source.value === null || source.value === undefined) {
    // A syntax error has been reported already, and says more.
    if (source.value === null) {
      diagnostics.report('error', 'missing_field', source, [], 'the file is empty')
    }
    return undefined
  }
  const result = schema.safeParse(source.value)
  if (result.success) return result.data
  const reporter = new IssueReporter(schema, source, diagnostics)
  for (const issue of result.error.issues.slice(0, reasonsMax)) reporter.report(issue, [])
  return undefined
}

class IssueReporter {
  readonly #json: Json
  readonly #source: YamlSource
  readonly #diagnostics: DiagnosticList

  constructor(schema: z.ZodType, source: YamlSource, diagnostics: DiagnosticList) {
    this.#json = z.toJSONSchema(schema, { io: 'input' })
    this.#source = source
    this.#diagnostics = diagnostics
  }

  report(issue: Issue, parent: SourcePath): void {
    const path = [
      ...parent,
      ...issue.path.map(part => (typeof part === 'number' ? part : `${String(part)}`)),
    ]
    if (this.#source.has(path)) this.#present(issue, path)
    else this.#missing(path)
  }

  #present(issue: Issue, path: SourcePath): void {
    switch (issue.code) {
      case 'unrecognized_keys':
        for (const key of issue.keys.slice(0, reasonsMax)) this.#unknownField(path, key)
        return
      case 'invalid_union':
        this.#union(issue, path)
        return
      case 'invalid_key':
        this.#badName(path, issue.issues[0]?.message ?? issue.message)
        return
      case 'invalid_type':
        this.#wrongType(issue, path)
        return
      case 'invalid_value':
        this.#notOneOf(path, issue.values.map(String))
        return
      case 'too_small':
      case 'too_big':
        this.#error('bad_value', path, limitText(issue, fieldName(path)))
        return
      default:
        this.#error('bad_value', path, `${fieldName(path)} ${issue.message}`)
    }
  }

  #missing(path: SourcePath): void {
    const name = fieldName(path)
    const fields = fieldsAt(this.#json, path.slice(0, -1))
    const described = fields.get(name)?.description
    this.#error('missing_field', path, `${name} is required`, described && `${name}: ${described}`)
  }

  #unknownField(path: SourcePath, key: string): void {
    const known = [...fieldsAt(this.#json, path).keys()]
    let suggestion = didYouMean(key, known)
    if (path.includes('partitions') && datasetOnly.includes(key)) {
      suggestion = `${key} belongs to the dataset, not to a partition of it`
    } else if (known.includes('except') && selectorKinds.includes(key)) {
      suggestion = `write "${key}:…" without a space behind the colon`
    }
    const place = { file: this.#source.file, ...this.#source.keyAt([...path, key]) }
    const message = `unknown field "${key}"`
    const advice = suggestion === undefined ? {} : { suggestion }
    this.#diagnostics.add({
      severity: 'error',
      code: 'unknown_field',
      ...place,
      message,
      ...advice,
    })
  }

  /** Reports the branch that the author meant: the one whose own type fits. */
  #union(issue: z.core.$ZodIssueInvalidUnion, path: SourcePath): void {
    const meant = issue.errors.find(
      branch =>
        branch.length > 0 &&
        branch.every(({ code, path: at }) => at.length > 0 || !isTypeMismatch(code)),
    )
    if (meant) {
      for (const inner of meant) this.report(inner, path)
      return
    }
    const values = issue.errors.flat().flatMap(inner => {
      return inner.code === 'invalid_value' ? inner.values.map(String) : []
    })
    const given = this.#given(path)
    if (given === null) {
      this.#error('wrong_type', path, `${fieldName(path)} has no value`)
      return
    }
    const suggestion = typeof given === 'string' ? didYouMean(given, values) : undefined
    this.#error('bad_value', path, `${fieldName(path)} ${issue.message}`, suggestion)
  }

  #wrongType(issue: z.core.$ZodIssueInvalidType, path: SourcePath): void {
    const given = this.#given(path)
    const name = fieldName(path)
    // A message of the schema's own says more than the bare type.
    const own = issue.message.startsWith('Invalid input') ? undefined : issue.message
    const text = own ?? `must be ${typeNames[issue.expected] ?? issue.expected}`
    const message = given === null ? 'has no value' : `${text}, not ${describe(given)}`
    this.#error('wrong_type', path, `${name} ${message}`)
  }

  #notOneOf(path: SourcePath, values: readonly string[]): void {
    const given = this.#given(path)
    const message = `${fieldName(path)} can not be ${describe(given)}`
    const choice = `use ${values.join(', ')}`
    const near = typeof given === 'string' ? didYouMean(given, values) : undefined
    this.#error('bad_value', path, message, near ?? choice)
  }

  #badName(path: SourcePath, message: string): void {
    const place = { file: this.#source.file, ...this.#source.keyAt(path) }
    this.#diagnostics.add({ severity: 'error', code: 'bad_name', ...place, message })
  }

  #error(code: DiagnosticCode, path: SourcePath, message: string, suggestion?: string): void {
    this.#diagnostics.report('error', code, this.#source, path, message, suggestion)
  }

  #given(path: SourcePath): unknown {
    let value = this.#source.value
    for (const part of path) {
      value = isObject(value)
        ? Object.entries(value).find(([key]) => key === `${part}`)?.[1]
        : value
    }
    return value
  }
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

const isTypeMismatch = (code: Issue['code']): boolean =>
  code === 'invalid_type' || code === 'invalid_value' || code === 'invalid_union'

const typeNames: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  array: 'a list',
  object: 'a map of fields',
  record: 'a map',
}

const describe = (value: unknown): string => {
  if (Array.isArray(value)) return 'a list'
  return isObject(value) ? 'a map' : JSON.stringify(value)
}

const limitText = (
  issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig,
  name: string,
): string => {
  const [bound, limit] =
    issue.code === 'too_small' ? ['at least', issue.minimum] : ['at most', issue.maximum]
  if (issue.origin === 'array') return `${name} has to have ${bound} ${plural(limit, 'entry')}`
  if (issue.origin === 'string') return `${name} has to have ${bound} ${plural(limit, 'character')}`
  return `${name} has to be ${bound} ${limit}`
}

const plural = (count: number | bigint, word: string): string =>
  Number(count) === 1 ? `${count} ${word}` : `${count} ${word.replace(/y$/, 'ie')}s`

/** The last name on a path; an entry of a list goes by the name of the list. */
const fieldName = (path: SourcePath): string =>
  String(path.findLast(part => typeof part === 'string') ?? 'the file')

/** The fields that a JSON Schema knows at a path, through every branch that could apply. */
function fieldsAt(root: Json, path: SourcePath): Map<string, Json> {
  let schemas = expand(root, [root])
  for (const part of path) {
    const next = schemas.flatMap(schema => {
      const items = typeof part === 'number' ? schema.items : undefined
      const child = schema.properties?.[part] ?? items ?? schema.additionalProperties
      return isSchema(child) ? [child] : []
    })
    schemas = expand(root, next)
  }
  const fields = schemas.flatMap(({ properties }) => Object.entries(properties ?? {}))
  return new Map(fields.filter((field): field is [string, Json] => isSchema(field[1])))
}

/** Follows `$ref` and `anyOf` until only schemas with fields or items of their own are left. */
function expand(root: Json, schemas: readonly Json[]): Json[] {
  return schemas.flatMap(schema => {
    const name = schema.$ref?.replace('#/$defs/', '')
    const target = name === undefined ? undefined : root.$defs?.[name]
    const branches = (schema.anyOf ?? []).filter(isSchema)
    return [schema, ...expand(root, branches), ...(target ? expand(root, [target]) : [])]
  })
}

const isSchema = (value: unknown): value is Json => isObject(value) && !Array.isArray(value)
