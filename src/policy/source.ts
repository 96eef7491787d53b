/**
 * A YAML file as plain data that remembers where everything stands. Text in, result out.
 *
 * YAML's warnings are errors here, because each of them is a text that means something else than it
 * says: an unquoted leading `!` is a tag and swallows what follows, and words such as `NO` or `off`
 * are booleans to every YAML 1.1 tool that may read the same file.
 */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  Scalar,
  visit,
} from 'yaml'
import type {
  DiagnosticCode,
  DiagnosticList,
  Locator,
  SourcePath,
  SourcePosition,
} from './diagnostic.ts'

/** A file as the shell read it; `file` is the name that diagnostics show. */
export interface SourceFile {
  readonly file: string
  readonly text: string
}

const yaml11Boolean = /^(?:y|Y|yes|Yes|YES|n|N|no|No|NO|on|On|ON|off|Off|OFF)$/

/** Aliases in a file, and what they may expand to before it is refused as a bomb. */
const aliasesMax = 100

/** Lists, maps and fields around a node. No file means more, and walking all of it takes long. */
const nestingMax = 100

export class YamlSource implements Locator {
  readonly file: string
  /** The content; `undefined` if the text is no YAML. */
  readonly value: unknown
  readonly #document: Document
  readonly #lines = new LineCounter()
  readonly #text: string

  constructor({ file, text }: SourceFile, diagnostics: DiagnosticList) {
    this.file = file
    this.#text = text
    this.#document = parseDocument(text, {
      lineCounter: this.#lines,
      prettyErrors: false,
      stringKeys: true,
      // Checked below: the library compares each name with all before it.
      uniqueKeys: false,
    })
    this.value = this.#check(diagnostics) ? this.#toPlain(diagnostics) : undefined
  }

  /** Where the value at a path begins; where it is missing, where its nearest parent is named. */
  at(path: SourcePath): SourcePosition {
    const node = this.#nodeAt(path)
    if (node?.range) return this.#position(node.range[0])
    return this.keyAt(path.slice(0, -1))
  }

  /** Where the name of the field at a path begins. */
  keyAt(path: SourcePath): SourcePosition {
    if (path.length === 0) return this.#position(this.#document.contents?.range?.[0] ?? 0)
    const parent = this.#nodeAt(path.slice(0, -1))
    const name = path.at(-1)
    const pair = isMap(parent) ? parent.items.find(({ key }) => keyText(key) === name) : undefined
    if (isScalar(pair?.key) && pair.key.range) return this.#position(pair.key.range[0])
    return this.at(path)
  }

  has(path: SourcePath): boolean {
    return this.#nodeAt(path) !== undefined
  }

  /** Where a part of a one-line text value begins, `offset` counted in the value. */
  within(path: SourcePath, offset: number, part: string): SourcePosition {
    const node = this.#nodeAt(path)
    if (!isScalar(node) || !node.range) return this.at(path)
    const quote = node.type === Scalar.PLAIN ? 0 : 1
    const start = node.range[0] + quote + offset
    // Escapes and folded lines move the text; then the whole value has to do.
    const exact = this.#text.slice(start, start + part.length) === part
    return this.#position(exact ? start : node.range[0])
  }

  #position(offset: number): SourcePosition {
    const { line, col } = this.#lines.linePos(offset)
    return { line: Math.max(1, line), column: Math.max(1, col) }
  }

  #nodeAt(path: SourcePath): Node | undefined {
    let node = this.#resolve(this.#document.contents)
    for (const segment of path) {
      if (isMap(node)) {
        const pair = node.items.find(({ key }) => keyText(key) === segment)
        node = this.#resolve(pair?.value)
      } else if (isSeq(node) && typeof segment === 'number') {
        node = this.#resolve(node.items[segment])
      } else return undefined
    }
    return node
  }

  #resolve(node: unknown): Node | undefined {
    if (isAlias(node)) return node.resolve(this.#document)
    return isMap(node) || isSeq(node) || isScalar(node) ? node : undefined
  }

  /** Reports what the parser and the traps say; true if the content can be used. */
  #check(diagnostics: DiagnosticList): boolean {
    const { errors, warnings } = this.#document
    for (const { code, message, pos } of [...errors, ...warnings]) {
      if (code === 'TAG_RESOLVE_FAILED') continue
      this.#report(diagnostics, 'yaml_error', pos[0], message.split('\n')[0] ?? message)
    }
    let unusable = errors.length > 0 || warnings.length > 0
    let aliases = 0
    const names = new Map<unknown, Set<unknown>>()
    visit(this.#document, {
      Pair: (_, { key }, path) => {
        if (!isScalar(key)) return
        const start = key.range?.[0] ?? 0
        const parent = path.at(-1)
        const known = names.get(parent) ?? new Set()
        if (known.has(key.value)) {
          unusable = true
          this.#report(diagnostics, 'yaml_error', start, 'Map keys must be unique')
        }
        names.set(parent, known.add(key.value))
        // JavaScript would drop it without a word, and with it the rule that it names.
        if (key.value !== '__proto__') return
        this.#report(diagnostics, 'bad_name', start, '"__proto__" is no name')
      },
      Node: (_, node, { length: nesting }) => {
        const start = node.range?.[0] ?? 0
        if (isAlias(node)) aliases += 1
        if (nesting > nestingMax || aliases > aliasesMax) {
          unusable = true
          const reason = nesting > nestingMax ? 'this is nested too deep' : 'one alias too many'
          this.#report(diagnostics, 'yaml_error', start, reason)
          return visit.BREAK
        }
        if (isAlias(node)) {
          if (node.resolve(this.#document)) return undefined
          unusable = true
          const reason = `there is no anchor &${node.source} before this alias`
          this.#report(diagnostics, 'yaml_error', start, reason)
        } else if (node.tag !== undefined) {
          unusable = true
          this.#reportTag(diagnostics, node.tag, start)
        } else if (isScalar(node) && isAmbiguous(node)) {
          const word = String(node.value)
          const reason = `${word} without quotes is a boolean to YAML 1.1 tools`
          this.#report(diagnostics, 'yaml_ambiguous', start, reason, `write "${word}"`)
        }
        return undefined
      },
    })
    return !unusable
  }

  #reportTag(diagnostics: DiagnosticList, tag: string, start: number): void {
    // A node's range begins behind its tag on the same line, where there is one.
    const found = this.#text.lastIndexOf('!', start)
    const reason = `"${tag}" is read as a YAML tag, so that it silently changes what is written`
    const advice = 'quote it if it is text; to leave regions out, write { except: [...] }'
    this.#report(diagnostics, 'yaml_tag', found < 0 ? start : found, reason, advice)
  }

  #toPlain(diagnostics: DiagnosticList): unknown {
    try {
      return this.#document.toJS({ maxAliasCount: aliasesMax })
    } catch (error) {
      if (!(error instanceof ReferenceError)) throw error
      this.#report(diagnostics, 'yaml_error', 0, error.message)
      return undefined
    }
  }

  #report(
    diagnostics: DiagnosticList,
    code: DiagnosticCode,
    offset: number,
    message: string,
    suggestion?: string,
  ): void {
    const place = { file: this.file, ...this.#position(offset) }
    const advice = suggestion === undefined ? {} : { suggestion }
    diagnostics.add({ severity: 'error', code, ...place, message, ...advice })
  }
}

const keyText = (key: unknown): unknown => (isScalar(key) ? key.value : key)

const isAmbiguous = ({ type, value }: Scalar): boolean =>
  type === Scalar.PLAIN && typeof value === 'string' && yaml11Boolean.test(value)
