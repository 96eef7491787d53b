/** All rules over one tree, less what is known. */
import { layoutRules } from './layout-rules.ts'
import { type TextRuleOptions, textFindings } from './text-rules.ts'
import type { Finding, Tree } from './tree.ts'

export interface Known {
  readonly rule: string
  readonly file: string
  readonly reason: string
}

export const findingsOf = (tree: Tree, options: TextRuleOptions): readonly Finding[] => [
  ...layoutRules.flatMap(rule => rule(tree)),
  ...textFindings(tree, options),
]

/** What is known is left out; what is known but no longer found is a finding itself. */
export function withoutKnown(
  findings: readonly Finding[],
  known: readonly Known[],
): readonly Finding[] {
  const isSame = (a: { rule: string; file: string }, b: { rule: string; file: string }) =>
    a.rule === b.rule && a.file === b.file
  const mended = known
    .filter(entry => !findings.some(finding => isSame(finding, entry)))
    .map(({ rule, file }) => ({
      rule,
      file,
      message: 'is as it should be now: take it out of the list of what is known',
    }))
  return [...findings.filter(it => !known.some(entry => isSame(it, entry))), ...mended]
}

export const formatFinding = ({ rule, file, line, message }: Finding): string =>
  `${file}${line === undefined ? '' : `:${line}`} [${rule}] ${message}`
