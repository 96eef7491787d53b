/** What every step of one compilation shares. */
import type { DiagnosticCode, DiagnosticList, Severity, SourcePath } from './diagnostic.ts'
import { dateFinding } from './expiry.ts'
import type { SelectorInput } from './schema.ts'
import {
  compileSelector,
  type DatedRow,
  type Selector,
  type SelectorProblem,
  type Vocabulary,
} from './selector.ts'
import type { YamlSource } from './source.ts'

export class CompileContext {
  readonly source: YamlSource
  readonly vocabulary: Vocabulary
  /** ISO 8601; undefined: dates are not checked. */
  readonly today: string | undefined
  readonly #diagnostics: DiagnosticList
  readonly #datesChecked = new Set<string>()

  constructor(
    source: YamlSource,
    vocabulary: Vocabulary,
    today: string | undefined,
    diagnostics: DiagnosticList,
  ) {
    this.source = source
    this.vocabulary = vocabulary
    this.today = today
    this.#diagnostics = diagnostics
  }

  error(code: DiagnosticCode, path: SourcePath, message: string, suggestion?: string): void {
    this.report('error', code, path, message, suggestion)
  }

  warn(code: DiagnosticCode, path: SourcePath, message: string, suggestion?: string): void {
    this.report('warning', code, path, message, suggestion)
  }

  report(
    severity: Severity,
    code: DiagnosticCode,
    path: SourcePath,
    message: string,
    suggestion?: string,
  ): void {
    this.#diagnostics.report(severity, code, this.source, path, message, suggestion)
  }

  /** Reports at the name of a field rather than at its value. */
  reportKey(
    severity: Severity,
    code: DiagnosticCode,
    path: SourcePath,
    message: string,
    suggestion?: string,
  ): void {
    const locator = { file: this.source.file, at: (at: SourcePath) => this.source.keyAt(at) }
    this.#diagnostics.report(severity, code, locator, path, message, suggestion)
  }

  /** Reports at a word inside a text value, `offset` counted in the value. */
  errorWithin(
    code: DiagnosticCode,
    path: SourcePath,
    word: { readonly text: string; readonly offset: number },
    message: string,
    suggestion?: string,
  ): void {
    const at = () => this.source.within(path, word.offset, word.text)
    const locator = { file: this.source.file, at }
    this.#diagnostics.report('error', code, locator, path, message, suggestion)
  }

  /** Compiles a selector and reports what is unknown in it; undefined if anything is. */
  selector(input: SelectorInput, path: SourcePath): Selector | undefined {
    const problems: SelectorProblem[] = []
    const selector = compileSelector(input, path, this.vocabulary, problems)
    for (const { path: at, message, suggestion } of problems) {
      this.error('unknown_selector', at, message, suggestion)
    }
    for (const row of selector.rests) this.checkDate(row, path)
    return problems.length === 0 ? selector : undefined
  }

  /** Warns of dated data that runs out, and blocks on what has; once for each row. */
  checkDate(row: DatedRow, path: SourcePath): void {
    if (this.today === undefined) return
    const identity = `${row.name} ${row.expiresOn}`
    if (this.#datesChecked.has(identity)) return
    this.#datesChecked.add(identity)
    const finding = dateFinding(row, this.today)
    if (finding) this.report(finding.severity, finding.code, path, finding.message, finding.advice)
  }
}
