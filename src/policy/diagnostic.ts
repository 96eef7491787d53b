/**
 * What a policy check has to say: where, what and why, and what to write instead.
 *
 * An error means that there is no policy; a warning is something that its author should know; a
 * note states a fact about a claim. Match on `code`, never on the text.
 */
export type Severity = 'error' | 'warning' | 'note'

export type DiagnosticCode =
  // The text.
  | 'yaml_error'
  | 'yaml_tag'
  | 'yaml_ambiguous'
  | 'unknown_field'
  | 'missing_field'
  | 'wrong_type'
  | 'bad_value'
  | 'bad_name'
  // Regions and coordination.
  | 'unknown_region'
  | 'duplicate_region'
  | 'region_file_name'
  | 'region_name_taken'
  | 'no_regions'
  | 'keeper_required'
  // Residency.
  | 'unknown_selector'
  | 'empty_selection'
  | 'home_outside_store'
  | 'too_many_stores'
  // Partitions, groups, homing, acks.
  | 'bad_prefix'
  | 'nested_partition'
  | 'home_not_permitted'
  | 'acks_above_regions'
  | 'failover_needs_acks'
  // Claims.
  | 'law_violated'
  | 'law_conditional'
  | 'law_transfer'
  | 'law_note'
  | 'foreign_operator'
  | 'data_expired'
  | 'data_expires_in_90_days'
  | 'data_expires_in_30_days'
  | 'data_expires_in_7_days'
  | 'bad_assertion'
  | 'assertion_violated'
  // Advice.
  | 'stored_not_served'
  | 'served_not_stored'
  | 'single_copy'
  | 'not_enforced_yet'

export interface SourcePosition {
  /** Both count from 1; the column counts UTF-16 units, as editors do. */
  readonly line: number
  readonly column: number
}

export interface Diagnostic extends SourcePosition {
  readonly severity: Severity
  readonly code: DiagnosticCode
  readonly file: string
  /** What is wrong and why, in a sentence without a full stop. */
  readonly message: string
  /** What to do or write instead. */
  readonly suggestion?: string
}

/** Where a diagnostic comes from: a parsed file that knows the positions of its nodes. */
export interface Locator {
  readonly file: string
  at(path: SourcePath): SourcePosition
}

/** Field names and list indexes from the root of a file. */
export type SourcePath = readonly (string | number)[]

/** Collects the diagnostics of one compilation. The same finding at the same place counts once. */
export class DiagnosticList {
  readonly #bySignature = new Map<string, Diagnostic>()

  add(diagnostic: Diagnostic): void {
    const { file, line, column, code, message } = diagnostic
    this.#bySignature.set(JSON.stringify([file, line, column, code, message]), diagnostic)
  }

  report(
    severity: Severity,
    code: DiagnosticCode,
    source: Locator,
    path: SourcePath,
    message: string,
    suggestion?: string,
  ): void {
    this.add({
      severity,
      code,
      file: source.file,
      ...source.at(path),
      message,
      ...(suggestion === undefined ? {} : { suggestion }),
    })
  }

  get hasErrors(): boolean {
    return this.#bySignature.values().some(({ severity }) => severity === 'error')
  }

  /** In order of file (first mentioned first), line and column. */
  sorted(): readonly Diagnostic[] {
    const all = [...this.#bySignature.values()]
    const files = [...new Set(all.map(({ file }) => file))]
    return all.sort(
      (a, b) =>
        files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line || a.column - b.column,
    )
  }
}

/** One line in the form that editors and CI logs link: `file:line:column: severity: text`. */
export const formatDiagnostic = (diagnostic: Diagnostic): string => {
  const { file, line, column, severity, code, message, suggestion } = diagnostic
  const advice = suggestion === undefined ? '' : `; ${suggestion}`
  return `${file}:${line}:${column}: ${severity}: ${message}${advice} [${code}]`
}

/**
 * The settings that the language has and this version does not enforce. `serve` refuses to start
 * on any of them: a promise that nobody keeps is worse than an error.
 */
export const notEnforcedYet = (diagnostics: readonly Diagnostic[]): readonly Diagnostic[] =>
  diagnostics.filter(({ code }) => code === 'not_enforced_yet')
