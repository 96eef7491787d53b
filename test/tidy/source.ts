/**
 * What the rules need to know of a TypeScript file: its code without comments and texts, its texts,
 * and what it imports. The compiler's own parser has no stable interface in TypeScript 7, and this
 * much needs none: only comments, strings, templates and regular expressions are told apart.
 */

export interface Import {
  readonly specifier: string
  /** `types`: erased before it runs. `address`: of a file that is read, or run by a thread. */
  readonly kind: 'code' | 'types' | 'address'
  readonly line: number
}

export interface Literal {
  readonly text: string
  readonly line: number
}

export interface Source {
  readonly path: string
  readonly text: string
  readonly lines: readonly string[]
  /** As long as the text, with comments, and what is inside of quotes, turned into blanks. */
  readonly code: string
  /** As long as the text, with all but comments turned into blanks. */
  readonly comments: string
  readonly literals: readonly Literal[]
  readonly imports: readonly Import[]
}

export function readSource(path: string, text: string): Source {
  const scan = new Scan(text)
  scan.run()
  const code = scan.code.join('')
  const source = { path, text, lines: text.split('\n'), code, comments: scan.comments.join('') }
  const literals = scan.literals.map(({ from, to }) => ({
    text: text.slice(from, to),
    line: lineAt(text, from),
  }))
  return { ...source, literals, imports: findImports(text, code) }
}

/** From 1. */
export const lineAt = (text: string, offset: number): number =>
  text.slice(0, offset).split('\n').length

/** A slash after one of these begins a regular expression; after a name or a bracket it divides. */
const beforeRegExp =
  /(^|[(,=:[!&|?{};+\-*%~^<>]|\b(return|typeof|case|in|of|new|delete|void|throw|await|yield))$/

class Scan {
  readonly #text: string
  readonly code: string[]
  readonly comments: string[]
  readonly literals: { from: number; to: number }[] = []
  #at = 0

  constructor(text: string) {
    this.#text = text
    this.code = [...blank(text)]
    this.comments = [...blank(text)]
  }

  run(): void {
    while (this.#at < this.#text.length) this.#step()
  }

  #step(): void {
    const next = this.#text[this.#at]
    if (this.#sees('//')) this.#comment(this.#find('\n', this.#at))
    else if (this.#sees('/*')) this.#comment(this.#find('*/', this.#at + 2) + 2)
    else if (next === "'" || next === '"') this.#string(next)
    else if (next === '`') this.#template()
    else if (next === '/' && this.#isRegExp()) this.#regExp()
    else this.#keep()
  }

  #sees = (word: string): boolean => this.#text.startsWith(word, this.#at)

  #find(word: string, from: number): number {
    const found = this.#text.indexOf(word, from)
    return found < 0 ? this.#text.length : found
  }

  #keep(): void {
    this.code[this.#at] = this.#text[this.#at] ?? ''
    this.#at += 1
  }

  #comment(end: number): void {
    for (; this.#at < Math.min(end, this.#text.length); this.#at++) {
      this.comments[this.#at] = this.#text[this.#at] ?? ''
    }
  }

  #string(quote: string): void {
    this.#keep()
    const from = this.#at
    while (this.#at < this.#text.length && !this.#sees(quote) && !this.#sees('\n')) this.#skip()
    this.literals.push({ from, to: this.#at })
    this.#keep()
  }

  #template(): void {
    this.#keep()
    let from = this.#at
    while (this.#at < this.#text.length && !this.#sees('`')) {
      if (!this.#sees('${')) {
        this.#skip()
        continue
      }
      this.literals.push({ from, to: this.#at })
      this.#keep()
      this.#braces()
      from = this.#at
    }
    this.literals.push({ from, to: this.#at })
    this.#keep()
  }

  /** Code within a template, up to the brace that ends it. */
  #braces(): void {
    let depth = 0
    do {
      if (this.#sees('{')) depth += 1
      if (this.#sees('}')) depth -= 1
      this.#step()
    } while (depth > 0 && this.#at < this.#text.length)
  }

  #isRegExp(): boolean {
    const before = this.code.slice(Math.max(0, this.#at - 80), this.#at).join('')
    return beforeRegExp.test(before.trimEnd())
  }

  #regExp(): void {
    this.#keep()
    let isInClass = false
    while (this.#at < this.#text.length && !this.#sees('\n')) {
      if (this.#sees('/') && !isInClass) break
      if (this.#sees('[')) isInClass = true
      if (this.#sees(']')) isInClass = false
      this.#skip()
    }
    this.#keep()
  }

  #skip(): void {
    this.#at += this.#sees('\\') ? 2 : 1
  }
}

const blank = (text: string): string => text.replace(/[^\n]/g, ' ')

/** Where a quote follows that opens the specifier; the first group says that types alone come. */
const importForms: readonly RegExp[] = [
  /\b(?:import|export)\s+(type\s+(?!from\b))?(?:[\w$*]|\{)[^'"`;=]*?\bfrom\s*['"]/g,
  /\bimport()\s*['"]/g,
  /(typeof\s+)?\bimport\s*\(\s*['"]/g,
]
const addressForm = /\bnew\s+URL\(\s*['"](?=\s*['"],\s*import\.meta\.url)/g

function findImports(text: string, code: string): readonly Import[] {
  const at = (match: RegExpExecArray, kind: Import['kind']): Import => {
    const from = match.index + match[0].length
    const to = text.indexOf(text[from - 1] ?? '', from)
    return { specifier: text.slice(from, to), kind, line: lineAt(text, match.index) }
  }
  return [
    ...importForms.flatMap(form =>
      [...code.matchAll(form)].map(match => at(match, match[1] ? 'types' : 'code')),
    ),
    ...[...code.matchAll(addressForm)].map(match => at(match, 'address')),
  ]
}
